-- Every time a lead and we spoke or wrote. One row per lead and contact.
-- key: lead_id, contact_id
-- personal: note
-- column: lead_id: the lead's id
-- column: contact_id: the contact's id, unique within its lead
-- column: channel: how we met
-- column: direction: inbound (the lead came to us) or outbound
-- column: agent_id: who of us it was
-- column: note: what was said
-- column: contacted_at: when it was
select id as lead_id, contact_id, position, occurred_at,
       channel, direction, agent_id, note, occurred_at as contacted_at
from lead_contacted
