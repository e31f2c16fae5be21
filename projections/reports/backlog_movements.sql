-- What made the backlog change over the period. It explains the difference exactly: backlog_before + opened + reopened
-- + unmerged - solved - merged = backlog_after.
-- clock: flow
-- formula: moves of tickets in P into and out of the live statuses
-- edges: the end is T where the period is not over; a ticket that was opened and solved at the same instant never waited; broken down, a ticket counts under the value that it has at T, also before the period, so a part of backlog_before may differ from the same part of the backlog as of then
-- source: definition; the identity of a stock and its flows
-- by: tickets(priority, category, subcategory, channel, opened_by, group_id, agent_id, customer_id, requester_id, solved_by, resolution)
-- column: breakdown: the value broken down by, or all
-- column: backlog_before: tickets that were live just before the period
-- column: opened: tickets opened
-- column: reopened: how often a solved or closed one became live again
-- column: unmerged: how often a merge of a live one was undone
-- column: solved: how often a live one was solved
-- column: merged: how often a live one was merged
-- column: backlog_after: tickets that are live when it ends, or at T
with before_start as (
    from standing_before(ticket_moves, ticket_id, $period_from)
),
before_end as (
    from standing_before(ticket_moves, ticket_id, $period_to)
),
moved as (
    select ticket_id,
           count(*) filter (status in ('new', 'open', 'pending', 'on_hold') and status_before is null) as opened,
           count(*) filter (
               status in ('new', 'open', 'pending', 'on_hold') and status_before in ('solved', 'closed')
           ) as reopened,
           count(*) filter (status in ('new', 'open', 'pending', 'on_hold') and status_before = 'merged') as unmerged,
           count(*) filter (
               status in ('solved', 'closed') and status_before in ('new', 'open', 'pending', 'on_hold')
           ) as solved,
           count(*) filter (status = 'merged' and status_before in ('new', 'open', 'pending', 'on_hold')) as merged
    from ticket_moves
    where moved_at >= $period_from and moved_at < $period_to
    group by ticket_id
)
select breakdown,
       count(*) filter (before_start.status in ('new', 'open', 'pending', 'on_hold')) as backlog_before,
       cast(coalesce(sum(opened), 0) as bigint) as opened,
       cast(coalesce(sum(reopened), 0) as bigint) as reopened,
       cast(coalesce(sum(unmerged), 0) as bigint) as unmerged,
       cast(coalesce(sum(solved), 0) as bigint) as solved,
       cast(coalesce(sum(merged), 0) as bigint) as merged,
       count(*) filter (before_end.status in ('new', 'open', 'pending', 'on_hold')) as backlog_after
from tickets
left join before_start using (ticket_id)
left join before_end using (ticket_id)
left join moved using (ticket_id)
group by breakdown
order by breakdown
