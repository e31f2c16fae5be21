-- How many of the clocks that ended in the period kept what the SLA promised. Clocks that still run stand beside. Each
-- clock by itself: sla_clocks.
-- clock: flow
-- formula: met / (met + breached), over the clocks that ended in P
-- edges: running and late ones run at T, whenever they started, and are in no rate; a clock whose ticket was solved, closed or merged without what was promised ended then: past due it is breached, by its due instant void and not counted; none ended: null
-- source: definition; other systems divide two different cohorts
-- by: tickets(priority, category, subcategory, channel, opened_by, group_id, agent_id, customer_id, requester_id, solved_by, resolution)
-- zero: ended, met, breached, running, late
-- column: breakdown: the value broken down by, or all
-- column: sla_id: the SLA
-- column: measure: what it promises
-- column: ended: clocks that ended in the period, met or breached
-- column: met: those of them that stopped in time
-- column: breached: those that ended past due
-- column: attainment: met / ended
-- column: running: clocks that run at T and are not due
-- column: late: clocks that run at T and are past due
with counted as (
    select breakdown, sla_id, measure,
           count(*) filter (state in ('met', 'breached') and is_in_period) as ended,
           count(*) filter (state = 'met' and is_in_period) as met,
           count(*) filter (state = 'breached' and is_in_period) as breached,
           count(*) filter (state = 'running') as running,
           count(*) filter (state = 'late') as late
    from (select *, ended_at >= $period_from and ended_at < $period_to as is_in_period from sla_clocks)
    join tickets using (ticket_id)
    group by breakdown, sla_id, measure
)
select breakdown, sla_id, measure, ended, met, breached,
       cast(round(1000000 * met / nullif(ended, 0)) as bigint) * 0.000001 as attainment,
       running, late
from counted
where ended > 0 or running > 0 or late > 0
order by breakdown, sla_id, measure
