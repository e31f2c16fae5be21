-- How many of the tickets solved in the period took at most one public reply of an agent by T.
-- clock: cohort
-- formula: tickets with at most one public reply of an agent / tickets solved in P
-- edges: a ticket that was solved several times in P counts once; bots do not reply, and what an agent wrote on opening is no reply; no tickets solved: no row
-- source: dbt_zendesk, is_one_touch_resolution
-- by: tickets(priority, category, subcategory, channel, opened_by, group_id, agent_id, customer_id, requester_id, solved_by, resolution)
-- zero: solved, one_touch
-- column: breakdown: the value broken down by, or all
-- column: solved: tickets solved in the period
-- column: one_touch: those of them that took at most one public reply by T
-- column: one_touch_rate: one_touch / solved
with solved_tickets as (
    select ticket_id, min(solved_at) as solved_in_period_at
    from ticket_solutions
    where solved_at >= $period_from and solved_at < $period_to
    group by ticket_id
)
select breakdown,
       count(*) as solved,
       count(*) filter (public_replies <= 1) as one_touch,
       cast(
           round(1000000 * count(*) filter (public_replies <= 1) / nullif(count(*), 0)) as bigint
       ) * 0.000001 as one_touch_rate
from tickets
semi join solved_tickets using (ticket_id)
group by breakdown
order by breakdown
