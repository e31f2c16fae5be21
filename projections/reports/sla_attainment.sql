-- How many of the clocks that ended in the period kept what the SLA promised. Clocks that still run stand beside. Each
-- clock by itself: sla_clocks.
-- clock: flow
-- formula: met / (met + breached), over the clocks that stopped in P
-- edges: running and late ones run at T, whenever they started, and are in no rate; a clock whose ticket was solved, closed or merged without what was promised is void and not counted; none ended: null
-- source: definition; other systems divide two different cohorts
-- by: tickets(priority, category, subcategory, channel, opened_by, group_id, agent_id, customer_id, requester_id, solved_by, resolution)
-- zero: ended, met, breached, running, late
-- column: breakdown: the value broken down by, or all
-- column: sla_id: the SLA
-- column: measure: what it promises
-- column: ended: clocks that stopped in the period
-- column: met: those of them that stopped in time
-- column: breached: those that stopped too late
-- column: attainment: met / ended
-- column: running: clocks that run at T and are not due
-- column: late: clocks that run at T and are past due
with counted as (
    select breakdown, sla_id, measure,
           count(*) filter (stopped_at >= $period_from and stopped_at < $period_to) as ended,
           count(*) filter (state = 'met' and stopped_at >= $period_from and stopped_at < $period_to) as met,
           count(*) filter (state = 'breached' and stopped_at >= $period_from and stopped_at < $period_to) as breached,
           count(*) filter (state = 'running') as running,
           count(*) filter (state = 'late') as late
    from sla_clocks
    join tickets using (ticket_id)
    group by breakdown, sla_id, measure
)
select breakdown, sla_id, measure, ended, met, breached,
       cast(round(1000000 * met / nullif(ended, 0)) as bigint) * 0.000001 as attainment,
       running, late
from counted
where ended > 0 or running > 0 or late > 0
order by breakdown, sla_id, measure
