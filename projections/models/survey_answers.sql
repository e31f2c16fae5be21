-- Every answer to a survey. One row per customer and answer.
-- key: customer_id, answer_id
-- personal: comment
-- column: customer_id: the customer's id
-- column: answer_id: the answer's id, unique within its customer
-- column: metric: csat (1 to 5), nps (0 to 10) or ces (1 to 7)
-- column: score: the answer
-- column: survey_id: the survey
-- column: ticket_id: the ticket that it is about, where it is about one
-- column: comment: what the customer said besides
-- column: answered_at: when it was
select id as customer_id, answer_id, position, occurred_at,
       metric, score, survey_id, ticket_id, comment, occurred_at as answered_at
from survey_answered
