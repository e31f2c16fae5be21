-- How satisfied the customers were who answered a survey in the period.
-- clock: flow
-- formula: CSAT = answers of 4 and 5 / all answers to the question for satisfaction, in P
-- edges: every answer counts, several of a customer too; no answers: no row
-- source: the usual definition: the two best of five answers by all answers
-- by: survey_answers(survey_id)
-- zero: answers, satisfied
-- column: breakdown: the value broken down by, or all
-- column: answers: answers in the period
-- column: satisfied: those of them that were 4 or 5
-- column: csat: satisfied / answers
select breakdown,
       count(*) as answers,
       count(*) filter (score >= 4) as satisfied,
       cast(round(1000000 * count(*) filter (score >= 4) / nullif(count(*), 0)) as bigint) * 0.000001 as csat
from survey_answers
where metric = 'csat' and answered_at >= $period_from and answered_at < $period_to
group by breakdown
order by breakdown
