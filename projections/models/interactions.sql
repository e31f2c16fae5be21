-- Every time a customer and we met, spoke or wrote. One row per customer and interaction.
-- key: customer_id, interaction_id
-- personal: subject, note
-- column: customer_id: the customer's id
-- column: interaction_id: the interaction's id, unique within its customer
-- column: channel: how we met
-- column: direction: inbound (the customer came to us) or outbound
-- column: agent_id: who of us it was
-- column: touchpoint: where on the customer's way it was, for example "onboarding"
-- column: result: what came out
-- column: seconds: how long it took
-- column: subject: what it was about, in a line
-- column: note: what was said
-- column: interacted_at: when it was
select id as customer_id, interaction_id, position, occurred_at,
       channel, direction, agent_id, touchpoint, result, seconds, subject, note, occurred_at as interacted_at
from interaction_logged
