-- How soon the leads captured in the period were contacted by us, on the calendar and in business time.
-- clock: cohort
-- formula: median and mean, over the leads captured in P, of the first outbound contact - captured
-- edges: leads that nobody contacted by T are in never_contacted and in no time; business time goes by the calendar that names no groups
-- source: the usual definition, censored where nobody was contacted
-- by: leads(source, landing_page, agent_id, country, company, sdr_id, sr_id)
-- zero: leads, contacted, never_contacted
-- column: breakdown: the value broken down by, or all
-- column: leads: leads captured in the period
-- column: contacted: those of them that we contacted by T
-- column: never_contacted: those that we did not
-- column: median_seconds: half of the contacted ones waited at most this long
-- column: mean_seconds: how long a contacted one waited on average
-- column: median_business_seconds: half of the contacted ones waited at most this long in business time
-- column: mean_business_seconds: how long a contacted one waited on average in business time
with cohort as (
    select breakdown, lead_id, captured_at, first_contacted_at
    from leads
    where captured_at >= $period_from and captured_at < $period_to
),
waits as (
    select lead_id, captured_at as began_at, first_contacted_at as ended_at, '' as works_by
    from cohort
    where first_contacted_at is not null
),
timed as (
    select cohort.breakdown, cohort.lead_id,
           epoch_us(ended_at) - epoch_us(began_at) as microseconds,
           open_until - open_before as business_microseconds
    from cohort
    left join business_time(waits) as measured using (lead_id)
)
select breakdown,
       count(*) as leads,
       count(microseconds) as contacted,
       count(*) - count(microseconds) as never_contacted,
       cast(round(median(microseconds) / 1000000) as bigint) as median_seconds,
       cast(
           (2 * sum(microseconds) + 1000000 * count(microseconds)) // (2000000 * count(microseconds)) as bigint
       ) as mean_seconds,
       cast(round(median(business_microseconds) / 1000000) as bigint) as median_business_seconds,
       cast(
           (2 * sum(business_microseconds) + 1000000 * count(business_microseconds))
           // (2000000 * count(business_microseconds)) as bigint
       ) as mean_business_seconds
from timed
group by breakdown
order by breakdown
