-- How many tickets stand in which status.
-- clock: state
-- formula: tickets with the status at T
-- edges: a period counts only the tickets opened in it
-- source: definition
-- by: tickets(priority, category, subcategory, channel, opened_by, group_id, agent_id, customer_id, requester_id, solved_by, resolution)
-- zero: tickets
-- column: breakdown: the value broken down by, or all
-- column: status: the status
-- column: status_type: open, ongoing, on_hold, won or closed; a renamed status keeps it
-- column: tickets: how many tickets
select breakdown, status, statuses.type as status_type, count(*) as tickets
from tickets
join statuses using (status)
where statuses.aggregate = 'ticket' and opened_at >= $period_from and opened_at < $period_to
group by all
order by breakdown, status
