-- What every customer allows. One row per customer, purpose and channel. A consent holds at T where its status is granted
-- and expires_at is null or after T.
-- key: customer_id, purpose, channel
-- column: customer_id: the customer's id
-- column: purpose: what is allowed, for example "newsletter"
-- column: channel: over which channel
-- column: status: granted or withdrawn
-- column: granted_at: when it was last granted
-- column: expires_at: when the grant ends by itself; null where it does not
-- column: withdrawn_at: when it was withdrawn; null while it is granted
select id as customer_id, purpose, channel, position, occurred_at,
       'granted' as status, occurred_at as granted_at, expires_at, expires_at is null as clear_expires_at,
       true as clear_withdrawn_at
from consent_granted
union all by name
select id as customer_id, purpose, channel, position, occurred_at,
       'withdrawn' as status, occurred_at as withdrawn_at
from consent_withdrawn
