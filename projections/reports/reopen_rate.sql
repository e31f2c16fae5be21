-- How many of the tickets solved in the period were reopened by T.
-- clock: cohort
-- formula: tickets reopened at least once / tickets solved in P
-- edges: a ticket that was solved several times in P counts once; no tickets solved: null
-- source: definition
-- by: tickets(priority, category, subcategory, channel, opened_by, group_id, agent_id, customer_id, requester_id, solved_by, resolution)
-- zero: solved, reopened, reopens
-- column: breakdown: the value broken down by, or all
-- column: solved: tickets solved in the period
-- column: reopened: those of them that were reopened at least once by T
-- column: reopens: how often they were reopened by T
-- column: reopen_rate: reopened / solved
with solved_tickets as (
    select distinct ticket_id
    from ticket_solutions
    where solved_at >= $period_from and solved_at < $period_to
)
select breakdown,
       count(*) as solved,
       count(*) filter (reopens > 0) as reopened,
       cast(sum(reopens) as bigint) as reopens,
       cast(round(1000000 * count(*) filter (reopens > 0) / nullif(count(*), 0)) as bigint) * 0.000001 as reopen_rate
from tickets
semi join solved_tickets using (ticket_id)
group by breakdown
order by breakdown
