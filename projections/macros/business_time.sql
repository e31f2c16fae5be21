-- The rows of a relation with two more columns: how many microseconds the group in works_by was open before began_at
-- (open_before) and before ended_at (open_until). Their difference is the business time between the two.
-- takes: spans
select spans.*,
       coalesce(
           starting.microseconds_before + least(epoch_us(began_at), epoch_us(starting.closes_at))
           - epoch_us(starting.opens_at), 0
       ) as open_before,
       coalesce(
           ending.microseconds_before + least(epoch_us(ended_at), epoch_us(ending.closes_at))
           - epoch_us(ending.opens_at), 0
       ) as open_until
from {spans} as spans
asof left join business_hours as starting on starting.group_id = works_by and starting.opens_at <= began_at
asof left join business_hours as ending on ending.group_id = works_by and ending.opens_at <= ended_at
