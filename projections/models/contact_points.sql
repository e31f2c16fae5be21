-- Every way to reach a customer. One row per customer and contact point; removed ones are not shown.
-- key: customer_id, contact_point_id
-- personal: value
-- column: customer_id: the customer's id
-- column: contact_point_id: the contact point's id, unique within its customer
-- column: kind: email, phone, postal, social or other
-- column: value: the address or number itself
-- column: label: what the customer calls it, for example "work"
-- column: is_verified: whether the customer was reached there
-- column: added_at: since when we know it
-- column: verified_at: when the customer was reached there
select id as customer_id, contact_point_id, position, occurred_at,
       kind, value, label, false as is_verified, occurred_at as added_at, true as clear_verified_at,
       true as clear_removed
from contact_point_added
union all by name
select id as customer_id, contact_point_id, position, occurred_at,
       true as is_verified, occurred_at as verified_at, true as clear_removed
from contact_point_verified
union all by name
select id as customer_id, contact_point_id, position, occurred_at, true as removed from contact_point_removed
