-- Every time a ticket came to another status.
-- clock: state
-- formula: the states of the ticket up to T one after another, where the status changed
-- edges: a late fact moves tickets at the instant at which it was so; a period does not matter
-- source: definition
-- column: ticket_id: the ticket's id
-- column: moved_at: when it was
-- column: status_before: the status before; null where the ticket was opened then
-- column: status: the status since
with states as (
    select ticket_id, valid_from as moved_at, status from tickets_intervals
    union all
    select ticket_id, $as_of, status from tickets
),
moves as (
    select ticket_id, moved_at, lag(status) over (partition by ticket_id order by moved_at) as status_before, status
    from states
)
select ticket_id, moved_at, status_before, status
from moves
where status is distinct from status_before
order by ticket_id, moved_at
