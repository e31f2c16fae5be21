-- Where the time of every ticket went, in seconds, on the calendar and in business time. The parts add up: agent_work
-- + on_hold + pending + solved_before_reopening = total, at every T, and the same in business time.
-- clock: state
-- formula: total = min(T, last solved if solved or closed, merged) - opened; every part is the time in its statuses before that end; business time is the time of it in which the group was open
-- edges: time in a merge that was undone counts as the status that the ticket went back to; business time goes by the calendar in force at each moment, and is all time where none is; a period does not matter
-- source: times as Zendesk and GitLab define them; the identity is ours
-- settled: tickets(status in ('solved', 'closed', 'merged'))
-- column: ticket_id: the ticket's id
-- column: status: the status at T
-- column: opened_at: when the ticket was opened
-- column: ended_at: T, or when the ticket was last solved if it is solved or closed, or when it was merged if it is merged
-- column: total: from opened_at to ended_at
-- column: agent_work: time in new and open
-- column: on_hold: time in on_hold
-- column: pending: time in pending
-- column: solved_before_reopening: time in solved and closed before ended_at
-- column: requester_wait: time in new, open and on_hold
-- column: first_response: from opening to the first public reply of an agent, no bot; what an agent wrote on opening is no reply
-- column: reopened_at: when the ticket was last reopened
-- column: response_after_reopening: from reopened_at to the first public reply of an agent, no bot, since then
-- column: first_resolution: from opening to the first solution, whatever came after
-- column: full_resolution: from opening to the last solution; null where there is none, or the ticket is live again
-- column: periodic_update: the longest time between two public replies of an agent, no bot
-- column: pausable_update: the longest of these times in new, open and on_hold alone
-- column: business_total: the business time of total
-- column: business_agent_work: the business time of agent_work
-- column: business_on_hold: the business time of on_hold
-- column: business_pending: the business time of pending
-- column: business_solved_before_reopening: the business time of solved_before_reopening
-- column: business_requester_wait: the business time of requester_wait
-- column: business_first_response: the business time of first_response
-- column: business_response_after_reopening: the business time of response_after_reopening
-- column: business_first_resolution: the business time of first_resolution
-- column: business_full_resolution: the business time of full_resolution
-- column: business_periodic_update: the business time of periodic_update
-- column: business_pausable_update: the business time of pausable_update
with ends as (
    select *,
           case
               when status in ('solved', 'closed') then least($as_of, solved_at)
               when status = 'merged' then least($as_of, merged_at)
               else $as_of
           end as ended_at
    from as_solved(tickets, ticket_solutions)
),
reopenings as (
    select ends.ticket_id, coalesce(min(states.valid_from), $as_of) as reopened_at
    from ends
    left join tickets_intervals as states on states.ticket_id = ends.ticket_id and states.reopens = ends.reopens
    where ends.reopens > 0
    group by ends.ticket_id
),
replies as (
    select ticket_id, replied_at from ticket_replies where direction = 'outbound' and is_public and not is_bot
),
responses as (
    select ticket_id, min(replied_at) as answered_at
    from replies
    join reopenings using (ticket_id)
    where replied_at >= reopened_at
    group by ticket_id
),
told as (
    select ends.*, reopened_at, answered_at
    from ends
    left join reopenings using (ticket_id)
    left join responses using (ticket_id)
),
parts as (
    select told.ticket_id,
           sum(microseconds) filter (
               phases.status in ('new', 'open') and phases.ended_at <= told.ended_at
           ) as agent_work,
           sum(microseconds) filter (phases.status = 'on_hold' and phases.ended_at <= told.ended_at) as on_hold,
           sum(microseconds) filter (phases.status = 'pending' and phases.ended_at <= told.ended_at) as pending,
           sum(microseconds) filter (
               phases.status in ('solved', 'closed') and phases.ended_at <= told.ended_at
           ) as solved,
           sum(business_microseconds) filter (
               phases.status in ('new', 'open') and phases.ended_at <= told.ended_at
           ) as business_agent_work,
           sum(business_microseconds) filter (
               phases.status = 'on_hold' and phases.ended_at <= told.ended_at
           ) as business_on_hold,
           sum(business_microseconds) filter (
               phases.status = 'pending' and phases.ended_at <= told.ended_at
           ) as business_pending,
           sum(business_microseconds) filter (
               phases.status in ('solved', 'closed') and phases.ended_at <= told.ended_at
           ) as business_solved,
           sum(business_microseconds) filter (phases.ended_at <= first_replied_at) as business_first_response,
           sum(business_microseconds) filter (
               began_at >= reopened_at and phases.ended_at <= answered_at
           ) as business_response_after_reopening,
           sum(business_microseconds) filter (phases.ended_at <= first_solved_at) as business_first_resolution,
           sum(business_microseconds) filter (phases.ended_at <= solved_at) as business_full_resolution
    from told
    join ticket_phases as phases using (ticket_id)
    group by told.ticket_id
),
gaps as (
    select ticket_id, lag(replied_at) over (partition by ticket_id order by replied_at) as since, replied_at as until
    from replies
    semi join ends using (ticket_id)
),
gap_times as (
    select gaps.ticket_id,
           coalesce(sum(microseconds), 0) as periodic,
           coalesce(sum(business_microseconds), 0) as business_periodic,
           coalesce(sum(microseconds) filter (status in ('new', 'open', 'on_hold')), 0) as pausable,
           coalesce(sum(business_microseconds) filter (status in ('new', 'open', 'on_hold')), 0) as business_pausable
    from gaps
    left join ticket_phases as phases
        on phases.ticket_id = gaps.ticket_id and began_at >= since and phases.ended_at <= until
    where since is not null
    group by gaps.ticket_id, since, until
),
updates as (
    select ticket_id, max(periodic) as periodic, max(business_periodic) as business_periodic,
           max(pausable) as pausable, max(business_pausable) as business_pausable
    from gap_times
    group by ticket_id
),
whole as (
    select told.*, parts.* exclude (ticket_id), updates.* exclude (ticket_id)
    from told
    left join parts using (ticket_id)
    left join updates using (ticket_id)
)
select ticket_id, status, opened_at, ended_at,
       (epoch_us(ended_at) - epoch_us(opened_at)) * 0.000001 as total,
       cast(coalesce(agent_work, 0) as bigint) * 0.000001 as agent_work,
       cast(coalesce(on_hold, 0) as bigint) * 0.000001 as on_hold,
       cast(coalesce(pending, 0) as bigint) * 0.000001 as pending,
       cast(coalesce(solved, 0) as bigint) * 0.000001 as solved_before_reopening,
       cast(coalesce(agent_work, 0) + coalesce(on_hold, 0) as bigint) * 0.000001 as requester_wait,
       (epoch_us(first_replied_at) - epoch_us(opened_at)) * 0.000001 as first_response,
       reopened_at,
       (epoch_us(answered_at) - epoch_us(reopened_at)) * 0.000001 as response_after_reopening,
       (epoch_us(first_solved_at) - epoch_us(opened_at)) * 0.000001 as first_resolution,
       (epoch_us(solved_at) - epoch_us(opened_at)) * 0.000001 as full_resolution,
       cast(periodic as bigint) * 0.000001 as periodic_update,
       cast(pausable as bigint) * 0.000001 as pausable_update,
       cast(
           coalesce(business_agent_work, 0) + coalesce(business_on_hold, 0) + coalesce(business_pending, 0)
           + coalesce(business_solved, 0) as bigint
       ) * 0.000001 as business_total,
       cast(coalesce(business_agent_work, 0) as bigint) * 0.000001 as business_agent_work,
       cast(coalesce(business_on_hold, 0) as bigint) * 0.000001 as business_on_hold,
       cast(coalesce(business_pending, 0) as bigint) * 0.000001 as business_pending,
       cast(coalesce(business_solved, 0) as bigint) * 0.000001 as business_solved_before_reopening,
       cast(coalesce(business_agent_work, 0) + coalesce(business_on_hold, 0) as bigint) * 0.000001
           as business_requester_wait,
       if(first_replied_at is null, null, cast(coalesce(business_first_response, 0) as bigint) * 0.000001)
           as business_first_response,
       if(answered_at is null, null, cast(coalesce(business_response_after_reopening, 0) as bigint) * 0.000001)
           as business_response_after_reopening,
       if(first_solved_at is null, null, cast(coalesce(business_first_resolution, 0) as bigint) * 0.000001)
           as business_first_resolution,
       if(solved_at is null, null, cast(coalesce(business_full_resolution, 0) as bigint) * 0.000001)
           as business_full_resolution,
       cast(business_periodic as bigint) * 0.000001 as business_periodic_update,
       cast(business_pausable as bigint) * 0.000001 as business_pausable_update
from whole
order by ticket_id
