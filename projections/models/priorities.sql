-- What we expect of customers of each priority. One row per priority policy and version.
-- key: priority_id, version
-- column: priority_id: the policy's id
-- column: version: the version of the policy
-- column: a_percent: how many in a hundred visits of customers with priority A are expected to end in a purchase
-- column: b_percent: the same for priority B
-- column: c_percent: the same for priority C
-- column: published_at: when it was published
-- column: in_force_from: from when on it is in force, until a later version is
select id as priority_id, version, position, occurred_at,
       a_percent, b_percent, c_percent, occurred_at as published_at,
       greatest(coalesce(valid_from, occurred_at), occurred_at) as in_force_from
from priority_published
