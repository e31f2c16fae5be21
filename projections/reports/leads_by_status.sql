-- How many leads stand in which status.
-- clock: state
-- formula: leads with the status at T
-- edges: a period counts only the leads captured in it
-- source: definition
-- by: leads(source, landing_page, agent_id, country, company, sdr_id, sr_id)
-- zero: leads
-- column: breakdown: the value broken down by, or all
-- column: status: the status
-- column: status_type: open, ongoing, on_hold, won, lost or closed; a renamed status keeps it
-- column: leads: how many leads
select breakdown, status, statuses.type as status_type, count(*) as leads
from leads
join statuses using (status)
where statuses.aggregate = 'lead' and captured_at >= $period_from and captured_at < $period_to
group by all
order by breakdown, status
