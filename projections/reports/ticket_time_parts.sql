-- Where the time of every ticket went, in seconds. The parts add up: agent_work + on_hold + pending + solved_before_reopening =
-- total, at every T.
-- clock: cohort
-- formula: total = min(T, last solved if solved or closed, merged) - opened; every part is the time in its statuses before that end
-- edges: time in a merge that was undone counts as the status that the ticket went back to; calendar time
-- column: ticket_id: the ticket's id
-- column: status: the status at T
-- column: opened_at: when the ticket was opened, in the period
-- column: ended_at: T, or when the ticket was last solved if it is solved or closed, or when it was merged if it is merged
-- column: total: from opened_at to ended_at
-- column: agent_work: time in new and open
-- column: on_hold: time in on_hold
-- column: pending: time in pending
-- column: solved_before_reopening: time in solved and closed before ended_at
-- column: requester_wait: time in new, open and on_hold
-- column: first_response: from opening to the first public reply of an agent, no bot; what an agent wrote on opening is no reply
-- column: reopened_at: when the ticket was last reopened
-- column: response_after_reopening: from that to the first public reply of an agent, no bot, since then
-- column: first_resolution: from opening to the first solution, whatever came after
-- column: full_resolution: from opening to the last solution; null where there is none, or the ticket was reopened since
with ends as (
    select *,
           case
               when status in ('solved', 'closed') then least($as_of, solved_at)
               when status = 'merged' then least($as_of, merged_at)
               else $as_of
           end as ended_at
    from tickets
    where opened_at >= $period_from and opened_at < $period_to
),
pieces as (
    select ticket_id,
           if(states.status = 'merged', states.status_before_merge, states.status) as status,
           epoch_us(least(states.valid_to, ended_at)) - epoch_us(states.valid_from) as microseconds
    from tickets_intervals as states
    join ends using (ticket_id)
    where states.valid_from < ended_at
),
parts as (
    select ticket_id,
           cast(coalesce(sum(microseconds) filter (status in ('new', 'open')), 0) as bigint) as agent_work,
           cast(coalesce(sum(microseconds) filter (status = 'on_hold'), 0) as bigint) as on_hold,
           cast(coalesce(sum(microseconds) filter (status = 'pending'), 0) as bigint) as pending,
           cast(coalesce(sum(microseconds) filter (status in ('solved', 'closed')), 0) as bigint) as solved
    from pieces
    group by ticket_id
),
reopenings as (
    select ends.ticket_id, coalesce(min(states.valid_from), $as_of) as reopened_at
    from ends
    left join tickets_intervals as states on states.ticket_id = ends.ticket_id and states.reopens = ends.reopens
    where ends.reopens > 0
    group by ends.ticket_id
),
responses as (
    select ticket_id, min(replied_at) as replied_at
    from ticket_replies
    join reopenings using (ticket_id)
    where direction = 'outbound' and is_public and not is_bot and replied_at >= reopened_at
    group by ticket_id
)
select ticket_id, status, opened_at, ended_at,
       (epoch_us(ended_at) - epoch_us(opened_at)) * 0.000001 as total,
       coalesce(agent_work, 0) * 0.000001 as agent_work,
       coalesce(on_hold, 0) * 0.000001 as on_hold,
       coalesce(pending, 0) * 0.000001 as pending,
       coalesce(solved, 0) * 0.000001 as solved_before_reopening,
       coalesce(agent_work + on_hold, 0) * 0.000001 as requester_wait,
       (epoch_us(first_replied_at) - epoch_us(opened_at)) * 0.000001 as first_response,
       reopened_at,
       (epoch_us(responses.replied_at) - epoch_us(reopened_at)) * 0.000001 as response_after_reopening,
       (epoch_us(first_solved_at) - epoch_us(opened_at)) * 0.000001 as first_resolution,
       (epoch_us(solved_at) - epoch_us(opened_at)) * 0.000001 as full_resolution
from ends
left join parts using (ticket_id)
left join reopenings using (ticket_id)
left join responses using (ticket_id)
order by ticket_id
