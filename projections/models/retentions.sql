-- How long we keep what we know about people. One row per retention policy and version.
-- key: retention_id, version
-- column: retention_id: the policy's id
-- column: version: the version of the policy
-- column: prospect_days: after how many days without an interaction prospects are to be forgotten
-- column: churned_days: after how many days churned customers are to be forgotten
-- column: published_at: when it was published
-- column: in_force_from: from when on it is in force, until a later version is
select id as retention_id, version, position, occurred_at,
       prospect_days, churned_days, occurred_at as published_at,
       greatest(coalesce(valid_from, occurred_at), occurred_at) as in_force_from
from retention_published
