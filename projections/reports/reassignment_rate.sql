-- How many of the tickets opened in the period went from one group to another, or from one agent to another, by T. Group and
-- agent count apart.
-- clock: cohort
-- formula: tickets with at least two assignments / tickets opened in P; reassignments = assignments after the first
-- edges: the first assignment is no reassignment; no tickets: null
-- source: definition
-- by: tickets(priority, category, subcategory, channel, opened_by, group_id, agent_id, customer_id, requester_id, solved_by, resolution)
-- zero: tickets, group_reassigned, group_reassignments, agent_reassigned, agent_reassignments
-- column: breakdown: the value broken down by, or all
-- column: tickets: tickets opened in the period
-- column: group_reassigned: those of them that were given to a group at least twice
-- column: group_reassignments: how often they were given to a group after the first time
-- column: group_reassignment_rate: group_reassigned / tickets
-- column: agent_reassigned: those of them that were given to an agent at least twice
-- column: agent_reassignments: how often they were given to an agent after the first time
-- column: agent_reassignment_rate: agent_reassigned / tickets
with counted as (
    select breakdown,
           count(*) as tickets,
           count(*) filter (group_assignments >= 2) as group_reassigned,
           cast(sum(greatest(group_assignments - 1, 0)) as bigint) as group_reassignments,
           count(*) filter (agent_assignments >= 2) as agent_reassigned,
           cast(sum(greatest(agent_assignments - 1, 0)) as bigint) as agent_reassignments
    from tickets
    where opened_at >= $period_from and opened_at < $period_to
    group by breakdown
)
select breakdown, tickets,
       group_reassigned, group_reassignments,
       cast(round(1000000 * group_reassigned / nullif(tickets, 0)) as bigint) * 0.000001 as group_reassignment_rate,
       agent_reassigned, agent_reassignments,
       cast(round(1000000 * agent_reassigned / nullif(tickets, 0)) as bigint) * 0.000001 as agent_reassignment_rate
from counted
order by breakdown
