-- What we promise about tickets. One row per SLA and version.
-- key: sla_id, version
-- column: sla_id: the policy's id
-- column: version: the version of the policy
-- column: measure: first_response, next_reply, first_resolution, full_resolution or first_contact_resolution
-- column: seconds: the time for tickets of every priority that has none of its own, and for those without a priority
-- column: low_seconds: the time for tickets of low priority
-- column: moderate_seconds: the time for tickets of moderate priority
-- column: high_seconds: the time for tickets of high priority
-- column: critical_seconds: the time for tickets of critical priority
-- column: is_business_time: whether only business time counts
-- column: pauses: the statuses in which no time counts
-- column: published_at: when it was published
-- column: in_force_from: from when on it is in force, until a later version is
select id as sla_id, version, position, occurred_at,
       measure, seconds, low_seconds, moderate_seconds, high_seconds, critical_seconds, is_business_time, pauses,
       occurred_at as published_at,
       greatest(coalesce(valid_from, occurred_at), occurred_at) as in_force_from
from sla_published
