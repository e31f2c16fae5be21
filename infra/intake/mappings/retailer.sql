-- The customers of a retailer that sells from its web shop (UCI 352) and their invoices.
--
-- File: online_retail_2010_2011.parquet.
--
-- A row of the file is a line of an invoice. A customer is a RegisterCustomer at the first invoice and an ActivateCustomer at the
-- first purchase, every invoice a LogInteraction: one whose number begins with C has the result 'cancellation', one of digits
-- alone the result 'purchase'. What the lines say of goods and prices is left out: no command says it.
--
-- Decisions:
-- * An invoice without a customer (3,710 of 25,900, a quarter of the lines) is nobody's. It is refused for want of an id, so
--   that it is listed by its row and not lost; a customer who stands for nobody would be a false one. Among these are the
--   three whose numbers begin with A, which adjust bad debt and are neither a purchase nor a cancellation.
-- * An invoice happened at the instant of its earliest line (43 go on for a minute).
-- * A purchase came over the web. How a cancellation came is not said, so its channel is other, and it is no visit. The file knows
--   of no visit that ended without a purchase: a rate of conversion cannot be had from it.
-- * A cancellation does not name what it cancels. 33 customers have cancellations alone, of purchases from before the file: they
--   stay prospects.
-- * The first invoice's country stands (8 customers have two); 'Unspecified' is not given.
-- * Customers are numbers with a fraction of zero (17850.0): the whole number is the id.

with invoices as (
    select
        InvoiceNo as interaction_id,
        min(InvoiceDate::timestamptz) as occurred_at,
        arg_min(row, (InvoiceDate, row)) as row,
        min(CustomerID::double::bigint::varchar) as id,
        arg_min(Country, (InvoiceDate, row)) as country,
        case
            when InvoiceNo like 'C%' then 'cancellation'
            when regexp_full_match(InvoiceNo, '[0-9]+') then 'purchase'
        end as result
    from source
    group by InvoiceNo
)

select
    'RegisterCustomer' as command, id, occurred_at, row, 0 as step,
    nullif(country, 'Unspecified') as country
from invoices
where id is not null
qualify row_number() over (partition by id order by occurred_at, row) = 1

union all by name

select
    'LogInteraction' as command, id, occurred_at, row, 1 as step,
    interaction_id,
    if(result = 'purchase', 'web', 'other') as channel,
    'inbound' as direction,
    result
from invoices

union all by name

select 'ActivateCustomer' as command, id, occurred_at, row, 2 as step
from invoices
where id is not null and result = 'purchase'
qualify row_number() over (partition by id order by occurred_at, row) = 1
