-- Whether the customers who answered a survey in the period would recommend us: the net promoter score.
-- clock: flow
-- formula: NPS = share of the answers 9 and 10 - share of the answers 0 to 6
-- edges: 7 and 8 count in the base; every answer counts, several of a customer too; no answers: no row
-- source: the usual definition: promoters less detractors
-- by: survey_answers(survey_id)
-- zero: answers, promoters, passives, detractors
-- column: breakdown: the value broken down by, or all
-- column: answers: answers in the period
-- column: promoters: those of them that were 9 or 10
-- column: passives: those that were 7 or 8
-- column: detractors: those that were 0 to 6
-- column: nps: 100 * (promoters - detractors) / answers, from -100 to 100
select breakdown,
       count(*) as answers,
       count(*) filter (score >= 9) as promoters,
       count(*) filter (score in (7, 8)) as passives,
       count(*) filter (score <= 6) as detractors,
       cast(
           round(10000 * (count(*) filter (score >= 9) - count(*) filter (score <= 6)) / count(*)) as bigint
       ) * 0.01 as nps
from survey_answers
where metric = 'nps' and answered_at >= $period_from and answered_at < $period_to
group by breakdown
order by breakdown
