-- Bought or rented data beside what customers said themselves. One row per customer and overlay; withdrawn ones are not
-- shown. An overlay may be used at T where expires_at is null or after T.
-- key: customer_id, overlay_id
-- personal: value
-- column: customer_id: the customer's id
-- column: overlay_id: the overlay's id, unique within its customer
-- column: field: what it says something about
-- column: value: what it says
-- column: source: who sold or rented it
-- column: confidence: how sure the source is, in percent
-- column: expires_at: when the licence ends; null where it does not
-- column: appended_at: since when we have it
select id as customer_id, overlay_id, position, occurred_at,
       field, value, source, confidence, expires_at, occurred_at as appended_at, true as clear_removed
from overlay_appended
union all by name
select id as customer_id, overlay_id, position, occurred_at, true as removed from overlay_withdrawn
