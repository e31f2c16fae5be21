-- Every time a ticket was given to a group or an agent. One row per assignment; the first of a ticket is no reassignment.
-- key: ticket_id, version
-- column: ticket_id: the ticket's id
-- column: version: the version of the ticket's stream at which it was assigned
-- column: group_id: the group that got it; null where the group stayed
-- column: agent_id: the agent who got it; null where the agent stayed
-- column: assigned_by: who assigned it
-- column: assigned_at: when it was
select id as ticket_id, version, position, occurred_at,
       group_id, agent_id, actor_id as assigned_by, occurred_at as assigned_at
from ticket_assigned
