-- How long the leads captured in the period were in which status up to T, on the calendar and in business time.
-- clock: cohort
-- formula: per lead and status, the lengths of all its stays up to T; over the statuses they add up to T - captured
-- edges: a status that stands runs until T, one that began at T for no time yet; re-entries add to the same time; business time goes by the calendar that names no groups
-- source: definition
-- by: leads(source, landing_page, agent_id, country, company, sdr_id, sr_id)
-- zero: leads, there_now
-- column: breakdown: the value broken down by, or all
-- column: status: the status
-- column: status_type: open, ongoing, on_hold, won, lost or closed; a renamed status keeps it
-- column: leads: leads that were ever in it
-- column: there_now: leads that are in it at T
-- column: median_seconds: half of them were in it at most this long
-- column: mean_seconds: how long one was in it on average
-- column: total_seconds: how long all of them were in it together
-- column: median_business_seconds: half of them were in it at most this long in business time
-- column: mean_business_seconds: how long one was in it on average in business time
-- column: total_business_seconds: how long all of them were in it together in business time
with stays as (
    select leads.breakdown, lead_id, leads.status as status_now, states.status, states.valid_from as began_at,
           states.valid_to as ended_at, '' as works_by
    from leads_intervals as states
    join leads using (lead_id)
    where leads.captured_at >= $period_from and leads.captured_at < $period_to
    union all
    select breakdown, lead_id, status, status, $as_of, $as_of, ''
    from leads
    where captured_at >= $period_from and captured_at < $period_to
),
times as (
    select breakdown, lead_id, status, any_value(status_now) as status_now,
           sum(epoch_us(ended_at) - epoch_us(began_at)) as microseconds,
           sum(open_until - open_before) as business_microseconds
    from business_time(stays)
    group by breakdown, lead_id, status
)
select breakdown, status, statuses.type as status_type,
       count(*) as leads,
       count(*) filter (status = status_now) as there_now,
       cast(round(median(microseconds) / 1000000) as bigint) as median_seconds,
       cast((2 * sum(microseconds) + 1000000 * count(*)) // (2000000 * count(*)) as bigint) as mean_seconds,
       cast((sum(microseconds) + 500000) // 1000000 as bigint) as total_seconds,
       cast(round(median(business_microseconds) / 1000000) as bigint) as median_business_seconds,
       cast((2 * sum(business_microseconds) + 1000000 * count(*)) // (2000000 * count(*)) as bigint) as mean_business_seconds,
       cast((sum(business_microseconds) + 500000) // 1000000 as bigint) as total_business_seconds
from times
join statuses using (status)
where statuses.aggregate = 'lead'
group by breakdown, status, statuses.type
order by breakdown, status
