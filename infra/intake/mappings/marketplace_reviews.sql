-- The people who ordered at the marketplace (Olist), their orders, and what they answered when asked how satisfied they are.
--
-- Files, in this order: olist_orders_dataset.csv(.gz), olist_customers_dataset.csv(.gz), olist_order_reviews_dataset.csv(.gz).
--
-- A person is a RegisterCustomer and an ActivateCustomer at the first order, every order a LogInteraction with the result
-- 'purchase', every review an AnswerSurvey of the metric csat, with its score from 1 to 5.
--
-- Decisions (the counts are those of a subset with 8,135 orders):
-- * The person is customer_unique_id; customer_id is another one for each order.
-- * The first order's postcode stands (5 people gave another one later). City and state are left out.
-- * An order happened when it was placed. order_status is its final value and says nothing of when, so using it would leak the
--   future: a purchase that was cancelled later was one. Approval and delivery are left out: no command says them.
-- * The files know of no visit that ended without a purchase: a rate of conversion cannot be had from them.
-- * A review id may stand for several orders (34 rows repeat one), so an answer's id is review and order, 32 characters each.
-- * An answer happened when it was given, but never before its order (58 rows say otherwise): the later of the two instants.
-- * A comment is the title and the message, whichever there are, a line each.

with purchases as (
    select
        customers.customer_unique_id as id,
        orders.order_id,
        orders.row,
        orders.order_purchase_timestamp::timestamptz as occurred_at,
        customers.customer_zip_code_prefix as postcode_area
    from source1 as orders
    left join source2 as customers using (customer_id)
),

first_purchases as (
    from purchases
    qualify row_number() over (partition by id order by occurred_at, row) = 1
)

select 'RegisterCustomer' as command, id, occurred_at, 1 as file, row, 0 as step, postcode_area
from first_purchases

union all by name

select 'ActivateCustomer' as command, id, occurred_at, 1 as file, row, 1 as step
from first_purchases

union all by name

select
    'LogInteraction' as command, id, occurred_at, 1 as file, row, 2 as step,
    order_id as interaction_id,
    'web' as channel,
    'inbound' as direction,
    'purchase' as result
from purchases

union all by name

select
    'AnswerSurvey' as command,
    purchases.id,
    greatest(reviews.review_answer_timestamp::timestamptz, purchases.occurred_at) as occurred_at,
    3 as file,
    reviews.row,
    0 as step,
    reviews.review_id || reviews.order_id as answer_id,
    'csat' as metric,
    reviews.review_score as score,
    nullif(
        concat_ws(chr(10), nullif(trim(review_comment_title), ''), nullif(trim(review_comment_message), '')), ''
    ) as comment
from source3 as reviews
left join purchases using (order_id)
