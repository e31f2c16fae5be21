-- What every customer likes, in the customer's own words. One row per customer and topic.
-- key: customer_id, topic
-- personal: preference
-- column: customer_id: the customer's id
-- column: topic: what the wish is about
-- column: preference: the wish
-- column: stated_at: when the customer last said so
select id as customer_id, topic, position, occurred_at,
       preference, preference is null as clear_preference, occurred_at as stated_at
from preference_stated
