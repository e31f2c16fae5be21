-- Every phase of every ticket up to T: as what it stood, and how long, on the calendar and in business time. A phase
-- ends when anything happens to the ticket.
-- clock: state
-- formula: the states of the ticket one after another; business time is the time in which the group was open
-- edges: a merge that was undone counts as the status that the ticket went back to; with no group, or one that no calendar names, the calendar that names none counts; a period does not matter
-- source: definition
-- column: ticket_id: the ticket's id
-- column: began_at: when the phase began
-- column: ended_at: when it ended; T for the one that stands
-- column: status: the status
-- column: priority: the priority
-- column: works_by: the group by whose calendar it was worked on; empty for all that no calendar names
-- column: microseconds: how long it lasted
-- column: business_microseconds: how long of it the group was open
with named as (
    select distinct group_id from business_hours where group_id <> ''
),
phases as (
    select ticket_id, valid_from as began_at, valid_to as ended_at,
           if(status = 'merged', status_before_merge, status) as status, priority,
           coalesce(named.group_id, '') as works_by
    from tickets_intervals
    left join named using (group_id)
)
select ticket_id, began_at, ended_at, status, priority, works_by,
       epoch_us(ended_at) - epoch_us(began_at) as microseconds,
       open_until - open_before as business_microseconds
from business_time(phases)
order by ticket_id, began_at
