-- Every version of every SLA, and from when until when it is in force.
-- clock: state
-- formula: a version is in force until the next later version of the SLA is
-- edges: a version that comes into force only after a later one never is; a period does not matter
-- source: definition
-- column: sla_id: the SLA
-- column: version: its version
-- column: measure: what it promises
-- column: seconds: within how many seconds, for tickets of every priority that has no time of its own
-- column: low_seconds: the time for tickets of low priority
-- column: moderate_seconds: the time for tickets of moderate priority
-- column: high_seconds: the time for tickets of high priority
-- column: critical_seconds: the time for tickets of critical priority
-- column: is_business_time: whether only business time counts
-- column: pauses: the statuses in which no time counts
-- column: in_force_from: from when on it is in force
-- column: in_force_to: until when; null where no later version follows
select sla_id, version, measure, seconds, low_seconds, moderate_seconds, high_seconds, critical_seconds,
       is_business_time, pauses, in_force_from,
       min(in_force_from) over (
           partition by sla_id order by version rows between 1 following and unbounded following
       ) as in_force_to
from slas
order by sla_id, version
