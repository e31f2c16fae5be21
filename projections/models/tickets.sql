-- Every ticket: something somebody wants from us. One row per ticket; merged ones stay and say where they went.
-- key: ticket_id
-- sum: group_assignments, agent_assignments, public_replies, requester_replies, notes, escalations, reopens
-- min: first_replied_at, first_solved_at
-- personal: subject, body, rating_comment
-- column: ticket_id: the ticket's id
-- column: status: new, open, pending (waits for the requester), on_hold (waits for a third party), solved, closed or merged
-- column: status_before_merge: the status to go back to when the merge is undone; null where the ticket is not merged
-- column: opened_by: requester, agent or bot
-- column: channel: how the ticket came in
-- column: customer_id: the customer it is about
-- column: requester_id: who asked
-- column: priority: low, moderate, high or critical
-- column: category: what it is about
-- column: subcategory: what it is about, more finely
-- column: subject: what it is about, in a line
-- column: body: what was said on opening
-- column: group_id: the group that has the ticket
-- column: agent_id: the agent who has the ticket
-- column: solved_by: the agent who solved it last
-- column: resolution: how it was solved last
-- column: escalation_level: the level of support it went up to; 0 where it was never escalated
-- column: rating: how satisfied the requester is, from 1 to 5
-- column: rating_comment: what the requester said about it
-- column: opened_at: when it was opened
-- column: first_replied_at: when an agent first replied in public; neither a bot nor what was said on opening counts
-- column: first_solved_at: when it was first solved, whatever came after
-- column: solved_at: when it was last solved; null while it is not, or was reopened
-- column: closed_at: when the solution became final; null while it is not, or was reopened
-- column: group_assignments: how often it was given to a group
-- column: agent_assignments: how often it was given to an agent
-- column: public_replies: how often an agent replied to the requester, without bots
-- column: requester_replies: how often the requester wrote again
-- column: notes: how many notes there are
-- column: escalations: how often it was escalated
-- column: reopens: how often it was reopened
-- column: merged_into: the ticket that lives on in its place; null where the ticket is not merged
-- column: merged_at: when the ticket was merged
-- column: version: the version of the ticket's stream (its etag)
-- column: updated_at: when the newest fact that counts was recorded
select id as ticket_id, position, occurred_at, recorded_at as updated_at, version,
       'new' as status, opened_by, channel, customer_id, requester_id, priority, category, subcategory, subject,
       body, occurred_at as opened_at, 0 as escalation_level
from ticket_opened
union all by name
select id as ticket_id, position, occurred_at, recorded_at as updated_at, version,
       priority, category, subcategory
from ticket_triaged
union all by name
select id as ticket_id, position, occurred_at, recorded_at as updated_at, version,
       group_id, agent_id, (group_id is not null)::integer as group_assignments,
       (agent_id is not null)::integer as agent_assignments
from ticket_assigned
union all by name
select id as ticket_id, position, occurred_at, recorded_at as updated_at, version,
       (is_public and not is_bot)::integer as public_replies,
       case when is_public and not is_bot then occurred_at end as first_replied_at
from ticket_replied
union all by name
select id as ticket_id, position, occurred_at, recorded_at as updated_at, version,
       1 as requester_replies
from ticket_reply_received
union all by name
select id as ticket_id, position, occurred_at, recorded_at as updated_at, version, 1 as notes from ticket_note_added
union all by name
select id as ticket_id, position, occurred_at, recorded_at as updated_at, version,
       'pending' as status
from ticket_pended
union all by name
select id as ticket_id, position, occurred_at, recorded_at as updated_at, version, 'on_hold' as status from ticket_held
union all by name
select id as ticket_id, position, occurred_at, recorded_at as updated_at, version, 'open' as status from ticket_resumed
union all by name
select id as ticket_id, position, occurred_at, recorded_at as updated_at, version,
       level as escalation_level, 1 as escalations
from ticket_escalated
union all by name
select id as ticket_id, position, occurred_at, recorded_at as updated_at, version,
       'solved' as status, agent_id as solved_by, agent_id is null as clear_solved_by, resolution,
       resolution is null as clear_resolution, occurred_at as solved_at, occurred_at as first_solved_at
from ticket_solved
union all by name
select id as ticket_id, position, occurred_at, recorded_at as updated_at, version,
       status, 1 as reopens, true as clear_solved_at, true as clear_closed_at
from ticket_reopened
union all by name
select id as ticket_id, position, occurred_at, recorded_at as updated_at, version,
       'closed' as status, occurred_at as closed_at
from ticket_closed
union all by name
select id as ticket_id, position, occurred_at, recorded_at as updated_at, version,
       'merged' as status, status_before as status_before_merge, into_id as merged_into, occurred_at as merged_at
from ticket_merged
union all by name
select id as ticket_id, position, occurred_at, recorded_at as updated_at, version from ticket_absorbed
union all by name
select id as ticket_id, position, occurred_at, recorded_at as updated_at, version,
       status, true as clear_status_before_merge, true as clear_merged_into, true as clear_merged_at
from ticket_unmerged
union all by name
select id as ticket_id, position, occurred_at, recorded_at as updated_at, version from ticket_released
union all by name
select id as ticket_id, position, occurred_at, recorded_at as updated_at, version,
       rating, comment as rating_comment, comment is null as clear_rating_comment
from ticket_rated
