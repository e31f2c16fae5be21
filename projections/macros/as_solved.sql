-- The tickets of a relation with the last solution that counts as solved_at: of those that are solved or closed, or were
-- when they were merged; null for all others. A late fact may have made live again what was never reopened.
-- takes: tickets, solutions
select tickets.* replace (
           if(
               if(status = 'merged', status_before_merge, status) in ('solved', 'closed'), last.solved_at, null
           ) as solved_at
       )
from {tickets} as tickets
left join (
    select ticket_id, max_by(solved_at, version) as solved_at from {solutions} group by ticket_id
) as last using (ticket_id)
