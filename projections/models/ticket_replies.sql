-- Every message on a ticket after its opening, either way. One row per ticket and reply.
-- key: ticket_id, reply_id
-- personal: body
-- column: ticket_id: the ticket's id
-- column: reply_id: the reply's id, unique within its ticket
-- column: direction: outbound (from us) or inbound (from the requester)
-- column: agent_id: who of us replied
-- column: is_public: whether the requester could read it
-- column: is_bot: whether a bot wrote it
-- column: channel: how it was sent
-- column: body: what was said
-- column: replied_at: when it was
select id as ticket_id, reply_id, position, occurred_at,
       'outbound' as direction, agent_id, is_public, is_bot, channel, body, occurred_at as replied_at
from ticket_replied
union all by name
select id as ticket_id, reply_id, position, occurred_at,
       'inbound' as direction, true as is_public, false as is_bot, channel, body, occurred_at as replied_at
from ticket_reply_received
