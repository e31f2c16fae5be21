-- How many of the tickets opened in the period were escalated by T.
-- clock: cohort
-- formula: tickets escalated at least once / tickets opened in P
-- edges: no tickets: no row
-- source: definition
-- by: tickets(priority, category, subcategory, channel, opened_by, group_id, agent_id, customer_id, requester_id, solved_by, resolution)
-- zero: tickets, escalated, escalations
-- column: breakdown: the value broken down by, or all
-- column: tickets: tickets opened in the period
-- column: escalated: those of them that were escalated at least once
-- column: escalations: how often they were escalated
-- column: escalation_rate: escalated / tickets
select breakdown,
       count(*) as tickets,
       count(*) filter (escalations > 0) as escalated,
       cast(sum(escalations) as bigint) as escalations,
       cast(
           round(1000000 * count(*) filter (escalations > 0) / nullif(count(*), 0)) as bigint
       ) * 0.000001 as escalation_rate
from tickets
where opened_at >= $period_from and opened_at < $period_to
group by breakdown
order by breakdown
