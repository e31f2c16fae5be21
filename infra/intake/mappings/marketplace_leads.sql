-- Leads of the marketplace (Olist) and the deals won.
--
-- Files, in this order: olist_marketing_qualified_leads_dataset.csv(.gz), olist_closed_deals_dataset.csv(.gz).
--
-- Every marketing qualified lead is a CaptureLead on the day of its first contact, every closed deal a ConvertLead of that
-- lead into the seller as customer, with who developed (sdr) and who closed it (sr).
--
-- Decisions:
-- * A blank origin is not given; it stays apart from the origin that is called 'unknown'.
-- * One deal was won before its first contact: the later of the two instants counts. Its lead is captured first, because
--   files come in the order given where instants are equal.
-- * What a deal says about the seller's business (segment, type, declared catalogue and revenue) is left out.

select
    'CaptureLead' as command,
    mql_id as id,
    first_contact_date::date as occurred_at,
    1 as file,
    row,
    origin as source,
    landing_page_id as landing_page
from source1

union all by name

select
    'ConvertLead' as command,
    deals.mql_id as id,
    greatest(deals.won_date::timestamp, leads.first_contact_date::timestamp) as occurred_at,
    2 as file,
    deals.row,
    deals.seller_id as customer_id,
    deals.sdr_id,
    deals.sr_id
from source2 as deals
left join source1 as leads using (mql_id)
