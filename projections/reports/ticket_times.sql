-- How long the tickets opened in the period took, on the calendar and in business time: first response, next replies,
-- first and full resolution, and where the time went. The same for every single ticket: ticket_time_parts and
-- next_replies.
-- clock: cohort
-- formula: median, mean and sum over the tickets, of first_response = opened to the first public reply of an agent; response_after_reopening = last reopened to the first such reply since; next_reply = the requester's oldest unanswered message to the next such reply, each one; first_resolution = opened to first solved; full_resolution = opened to last solved; requester_wait = time in new, open and on_hold; agent_work = time in new and open; on_hold and pending = time in these; periodic_update = the longest time between two public replies; pausable_update = the same in new, open and on_hold
-- edges: response_after_reopening concerns reopened tickets alone, next_reply every question of the requester, the updates tickets with two replies; bots do not respond, and what an agent wrote on opening is no response; a ticket that is not (or no longer) solved has no full resolution; rounded last, to whole seconds
-- source: times as Zendesk and GitLab define them
-- by: tickets(priority, category, subcategory, channel, opened_by, group_id, agent_id, customer_id, requester_id, solved_by, resolution)
-- zero: tickets, not_yet
-- column: breakdown: the value broken down by, or all
-- column: measure: which time
-- column: tickets: tickets (of next_reply: questions) that have it at T
-- column: not_yet: tickets (of next_reply: questions) that do not have it at T, and are in no other figure of the row
-- column: median_seconds: half of the tickets took at most this long
-- column: mean_seconds: how long a ticket took on average
-- column: total_seconds: how long all of them took together
-- column: median_business_seconds: half of the tickets took at most this long in business time
-- column: mean_business_seconds: how long a ticket took on average in business time
-- column: total_business_seconds: how long all of them took together in business time
with times as (
    select breakdown,
           unnest([
               {'place': 1, 'measure': 'first_response', 'concerned': true,
                'seconds': first_response, 'business_seconds': business_first_response},
               {'place': 2, 'measure': 'response_after_reopening', 'concerned': reopened_at is not null,
                'seconds': response_after_reopening, 'business_seconds': business_response_after_reopening},
               {'place': 4, 'measure': 'first_resolution', 'concerned': true,
                'seconds': first_resolution, 'business_seconds': business_first_resolution},
               {'place': 5, 'measure': 'full_resolution', 'concerned': true,
                'seconds': full_resolution, 'business_seconds': business_full_resolution},
               {'place': 6, 'measure': 'requester_wait', 'concerned': true,
                'seconds': requester_wait, 'business_seconds': business_requester_wait},
               {'place': 7, 'measure': 'agent_work', 'concerned': true,
                'seconds': agent_work, 'business_seconds': business_agent_work},
               {'place': 8, 'measure': 'on_hold', 'concerned': true,
                'seconds': on_hold, 'business_seconds': business_on_hold},
               {'place': 9, 'measure': 'pending', 'concerned': true,
                'seconds': pending, 'business_seconds': business_pending},
               {'place': 10, 'measure': 'periodic_update', 'concerned': periodic_update is not null,
                'seconds': periodic_update, 'business_seconds': business_periodic_update},
               {'place': 11, 'measure': 'pausable_update', 'concerned': periodic_update is not null,
                'seconds': pausable_update, 'business_seconds': business_pausable_update}
           ], recursive := true)
    from tickets
    join ticket_time_parts using (ticket_id)
    where tickets.opened_at >= $period_from and tickets.opened_at < $period_to
    union all by name
    select breakdown, 3 as place, 'next_reply' as measure, true as concerned, seconds, business_seconds
    from tickets
    join next_replies using (ticket_id)
    where opened_at >= $period_from and opened_at < $period_to
)
select breakdown, measure,
       count(seconds) as tickets,
       count(*) - count(seconds) as not_yet,
       cast(round(median(seconds)) as bigint) as median_seconds,
       cast(
           (2 * sum(microseconds) + 1000000 * count(seconds)) // (2000000 * count(seconds)) as bigint
       ) as mean_seconds,
       cast(round(sum(seconds)) as bigint) as total_seconds,
       cast(round(median(business_seconds)) as bigint) as median_business_seconds,
       cast(
           (2 * sum(business_microseconds) + 1000000 * count(business_seconds)) // (2000000 * count(business_seconds)) as bigint
       ) as mean_business_seconds,
       cast(round(sum(business_seconds)) as bigint) as total_business_seconds
from (
    select *, cast(1000000 * seconds as bigint) as microseconds,
           cast(1000000 * business_seconds as bigint) as business_microseconds
    from times
)
where concerned
group by breakdown, place, measure
order by breakdown, place, measure
