-- How many tickets are neither solved nor closed nor merged.
-- clock: state
-- formula: tickets opened by T and not solved, closed or merged at T
-- edges: a period counts only the tickets opened in it; a reopened ticket is in the backlog again
-- source: definition; as of any instant, where others take a daily count
-- by: tickets(status, priority, category, subcategory, channel, opened_by, group_id, agent_id, customer_id, requester_id, solved_by, resolution)
-- zero: backlog, without_agent
-- column: breakdown: the value broken down by, or all
-- column: backlog: how many tickets
-- column: without_agent: those of them that no agent has
-- column: oldest_opened_at: when the oldest of them was opened
select breakdown,
       count(*) as backlog,
       count(*) - count(agent_id) as without_agent,
       min(opened_at) as oldest_opened_at
from tickets
where status not in ('solved', 'closed', 'merged') and opened_at >= $period_from and opened_at < $period_to
group by breakdown
order by breakdown
