-- When groups are open. One row per calendar and version.
-- key: calendar_id, version
-- column: calendar_id: the policy's id
-- column: version: the version of the policy
-- column: time_zone: the time zone of the hours
-- column: hours: hours of the week by the local clock, for example mon 09:00-17:00
-- column: holidays: local dates that are closed
-- column: group_ids: the groups that work by it; none: all that no other calendar is for
-- column: published_at: when it was published
-- column: in_force_from: from when on it is in force, until a later version is
select id as calendar_id, version, position, occurred_at,
       time_zone, hours, holidays, group_ids, occurred_at as published_at,
       greatest(coalesce(valid_from, occurred_at), occurred_at) as in_force_from
from calendar_published
