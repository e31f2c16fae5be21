-- How long the tickets opened in the period took: first response, first and full resolution, and where the time went. The
-- same for every single ticket: ticket_time_parts.
-- clock: cohort
-- formula: median, mean and sum over the tickets, of first_response = opened to the first public reply of an agent; response_after_reopening = last reopened to the first such reply since; first_resolution = opened to first solved; full_resolution = opened to last solved; requester_wait = time in new, open and on_hold; agent_work = time in new and open; on_hold and pending = time in these
-- edges: calendar time; response_after_reopening concerns reopened tickets alone; bots do not respond, and what an agent wrote on opening is no response; a ticket that is not (or no longer) solved has no full resolution; rounded last, to whole seconds
-- by: tickets(priority, category, subcategory, channel, opened_by, group_id, agent_id, customer_id, requester_id, solved_by, resolution)
-- column: breakdown: the value broken down by, or all
-- column: measure: which time
-- column: tickets: tickets that have it at T
-- column: not_yet: tickets that do not have it at T, and are in no other figure of the row
-- column: median_seconds: half of the tickets took at most this long
-- column: mean_seconds: how long a ticket took on average
-- column: total_seconds: how long all of them took together
with times as (
    select breakdown,
           unnest([
               {'place': 1, 'measure': 'first_response', 'seconds': first_response, 'concerned': true},
               {'place': 2, 'measure': 'response_after_reopening', 'seconds': response_after_reopening,
                'concerned': reopened_at is not null},
               {'place': 3, 'measure': 'first_resolution', 'seconds': first_resolution, 'concerned': true},
               {'place': 4, 'measure': 'full_resolution', 'seconds': full_resolution, 'concerned': true},
               {'place': 5, 'measure': 'requester_wait', 'seconds': requester_wait, 'concerned': true},
               {'place': 6, 'measure': 'agent_work', 'seconds': agent_work, 'concerned': true},
               {'place': 7, 'measure': 'on_hold', 'seconds': on_hold, 'concerned': true},
               {'place': 8, 'measure': 'pending', 'seconds': pending, 'concerned': true}
           ], recursive := true)
    from tickets
    join ticket_time_parts using (ticket_id)
)
select breakdown, measure,
       count(seconds) as tickets,
       count(*) - count(seconds) as not_yet,
       cast(round(median(seconds)) as bigint) as median_seconds,
       cast(round(sum(seconds) / count(seconds)) as bigint) as mean_seconds,
       cast(round(sum(seconds)) as bigint) as total_seconds
from times
where concerned
group by breakdown, place, measure
order by breakdown, place
