-- How satisfied the requesters of the tickets solved in the period are, by the ratings that they gave by T.
-- clock: cohort
-- formula: CSAT = ratings of 4 and 5 / all ratings, over the tickets solved in P
-- edges: unrated tickets do not count, the response rate stands beside; a ticket has one rating, the latest; nothing rated: null
-- source: the usual definition: the two best of five answers by all answers
-- by: tickets(priority, category, subcategory, channel, opened_by, group_id, agent_id, customer_id, requester_id, solved_by, resolution)
-- zero: solved, rated, satisfied
-- column: breakdown: the value broken down by, or all
-- column: solved: tickets solved in the period
-- column: rated: those of them that were rated
-- column: satisfied: those rated 4 or 5
-- column: csat: satisfied / rated
-- column: response_rate: rated / solved
with solved_tickets as (
    select ticket_id, min(solved_at) as solved_in_period_at
    from ticket_solutions
    where solved_at >= $period_from and solved_at < $period_to
    group by ticket_id
)
select breakdown,
       count(*) as solved,
       count(rating) as rated,
       count(*) filter (rating >= 4) as satisfied,
       cast(round(1000000 * count(*) filter (rating >= 4) / nullif(count(rating), 0)) as bigint) * 0.000001 as csat,
       cast(round(1000000 * count(rating) / nullif(count(*), 0)) as bigint) * 0.000001 as response_rate
from tickets
semi join solved_tickets using (ticket_id)
group by breakdown
order by breakdown
