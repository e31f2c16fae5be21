-- Every time the requester waited for an answer after the opening: from the oldest message that was not answered to
-- the next public reply of an agent.
-- clock: state
-- formula: seconds = the requester's oldest unanswered message to the next public reply of an agent, no bot
-- edges: what was still unanswered at T has no times; a period does not matter
-- source: next reply time as Zendesk and GitLab define it
-- settled: tickets(status in ('solved', 'closed', 'merged'))
-- column: ticket_id: the ticket's id
-- column: asked_at: when the requester wrote
-- column: answered_at: when an agent replied in public; null where nobody has
-- column: seconds: from asking to the answer
-- column: business_seconds: how much of it was business time
with answers as (
    select ticket_id, replied_at as answered_at from ticket_replies
    where direction = 'outbound' and is_public and not is_bot
),
questions as (
    select ticket_id, replied_at from ticket_replies where direction = 'inbound'
),
waits as (
    select questions.ticket_id, answered_at, min(questions.replied_at) as asked_at
    from questions
    asof left join answers on answers.ticket_id = questions.ticket_id and answered_at >= questions.replied_at
    group by questions.ticket_id, answered_at
),
timed as (
    select waits.ticket_id, asked_at, answered_at, sum(business_microseconds) as business_microseconds
    from waits
    left join ticket_phases as phases
        on phases.ticket_id = waits.ticket_id and began_at >= asked_at and ended_at <= answered_at
    group by waits.ticket_id, asked_at, answered_at
)
select ticket_id, asked_at, answered_at,
       (epoch_us(answered_at) - epoch_us(asked_at)) * 0.000001 as seconds,
       if(answered_at is null, null, cast(coalesce(business_microseconds, 0) as bigint) * 0.000001) as business_seconds
from timed
order by ticket_id, asked_at
