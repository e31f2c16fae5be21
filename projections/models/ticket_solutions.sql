-- Every time a ticket was solved, also where it was reopened later. One row per solution.
-- key: ticket_id, version
-- column: ticket_id: the ticket's id
-- column: version: the version of the ticket's stream at which it was solved
-- column: solved_by: the agent who solved it
-- column: resolution: how it was solved
-- column: solved_at: when it was
select id as ticket_id, version, position, occurred_at,
       agent_id as solved_by, resolution, occurred_at as solved_at
from ticket_solved
