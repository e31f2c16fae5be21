from crm.v1 import customers_pb2 as _customers_pb2
from crm.v1 import leads_pb2 as _leads_pb2
from crm.v1 import outcome_pb2 as _outcome_pb2
from crm.v1 import policies_pb2 as _policies_pb2
from crm.v1 import tickets_pb2 as _tickets_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExecuteCommandsRequest(_message.Message):
    __slots__ = ("commands",)
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    commands: _containers.RepeatedCompositeFieldContainer[Command]
    def __init__(self, commands: _Optional[_Iterable[_Union[Command, _Mapping]]] = ...) -> None: ...

class ExecuteCommandsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[Result]
    def __init__(self, results: _Optional[_Iterable[_Union[Result, _Mapping]]] = ...) -> None: ...

class Command(_message.Message):
    __slots__ = ("capture_lead", "correct_lead", "assign_lead", "contact_lead", "score_lead", "qualify_lead", "nurture_lead", "disqualify_lead", "recycle_lead", "convert_lead", "reverse_conversion", "merge_leads", "unmerge_leads", "forget_lead", "register_customer", "correct_customer", "add_contact_point", "verify_contact_point", "remove_contact_point", "state_preference", "grant_consent", "withdraw_consent", "append_overlay", "withdraw_overlay", "change_owner", "change_priority", "log_interaction", "answer_survey", "activate_customer", "mark_at_risk", "declare_churn", "reactivate_customer", "merge_customers", "unmerge_customers", "forget_customer", "open_ticket", "triage_ticket", "assign_ticket", "reply_to_ticket", "receive_reply", "add_note", "pend_ticket", "hold_ticket", "resume_ticket", "escalate_ticket", "solve_ticket", "reopen_ticket", "close_ticket", "merge_tickets", "unmerge_tickets", "rate_ticket", "publish_calendar", "publish_sla", "publish_priority", "publish_retention")
    CAPTURE_LEAD_FIELD_NUMBER: _ClassVar[int]
    CORRECT_LEAD_FIELD_NUMBER: _ClassVar[int]
    ASSIGN_LEAD_FIELD_NUMBER: _ClassVar[int]
    CONTACT_LEAD_FIELD_NUMBER: _ClassVar[int]
    SCORE_LEAD_FIELD_NUMBER: _ClassVar[int]
    QUALIFY_LEAD_FIELD_NUMBER: _ClassVar[int]
    NURTURE_LEAD_FIELD_NUMBER: _ClassVar[int]
    DISQUALIFY_LEAD_FIELD_NUMBER: _ClassVar[int]
    RECYCLE_LEAD_FIELD_NUMBER: _ClassVar[int]
    CONVERT_LEAD_FIELD_NUMBER: _ClassVar[int]
    REVERSE_CONVERSION_FIELD_NUMBER: _ClassVar[int]
    MERGE_LEADS_FIELD_NUMBER: _ClassVar[int]
    UNMERGE_LEADS_FIELD_NUMBER: _ClassVar[int]
    FORGET_LEAD_FIELD_NUMBER: _ClassVar[int]
    REGISTER_CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    CORRECT_CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    ADD_CONTACT_POINT_FIELD_NUMBER: _ClassVar[int]
    VERIFY_CONTACT_POINT_FIELD_NUMBER: _ClassVar[int]
    REMOVE_CONTACT_POINT_FIELD_NUMBER: _ClassVar[int]
    STATE_PREFERENCE_FIELD_NUMBER: _ClassVar[int]
    GRANT_CONSENT_FIELD_NUMBER: _ClassVar[int]
    WITHDRAW_CONSENT_FIELD_NUMBER: _ClassVar[int]
    APPEND_OVERLAY_FIELD_NUMBER: _ClassVar[int]
    WITHDRAW_OVERLAY_FIELD_NUMBER: _ClassVar[int]
    CHANGE_OWNER_FIELD_NUMBER: _ClassVar[int]
    CHANGE_PRIORITY_FIELD_NUMBER: _ClassVar[int]
    LOG_INTERACTION_FIELD_NUMBER: _ClassVar[int]
    ANSWER_SURVEY_FIELD_NUMBER: _ClassVar[int]
    ACTIVATE_CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    MARK_AT_RISK_FIELD_NUMBER: _ClassVar[int]
    DECLARE_CHURN_FIELD_NUMBER: _ClassVar[int]
    REACTIVATE_CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    MERGE_CUSTOMERS_FIELD_NUMBER: _ClassVar[int]
    UNMERGE_CUSTOMERS_FIELD_NUMBER: _ClassVar[int]
    FORGET_CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    OPEN_TICKET_FIELD_NUMBER: _ClassVar[int]
    TRIAGE_TICKET_FIELD_NUMBER: _ClassVar[int]
    ASSIGN_TICKET_FIELD_NUMBER: _ClassVar[int]
    REPLY_TO_TICKET_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_REPLY_FIELD_NUMBER: _ClassVar[int]
    ADD_NOTE_FIELD_NUMBER: _ClassVar[int]
    PEND_TICKET_FIELD_NUMBER: _ClassVar[int]
    HOLD_TICKET_FIELD_NUMBER: _ClassVar[int]
    RESUME_TICKET_FIELD_NUMBER: _ClassVar[int]
    ESCALATE_TICKET_FIELD_NUMBER: _ClassVar[int]
    SOLVE_TICKET_FIELD_NUMBER: _ClassVar[int]
    REOPEN_TICKET_FIELD_NUMBER: _ClassVar[int]
    CLOSE_TICKET_FIELD_NUMBER: _ClassVar[int]
    MERGE_TICKETS_FIELD_NUMBER: _ClassVar[int]
    UNMERGE_TICKETS_FIELD_NUMBER: _ClassVar[int]
    RATE_TICKET_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_CALENDAR_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_SLA_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_PRIORITY_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_RETENTION_FIELD_NUMBER: _ClassVar[int]
    capture_lead: _leads_pb2.CaptureLeadRequest
    correct_lead: _leads_pb2.CorrectLeadRequest
    assign_lead: _leads_pb2.AssignLeadRequest
    contact_lead: _leads_pb2.ContactLeadRequest
    score_lead: _leads_pb2.ScoreLeadRequest
    qualify_lead: _leads_pb2.QualifyLeadRequest
    nurture_lead: _leads_pb2.NurtureLeadRequest
    disqualify_lead: _leads_pb2.DisqualifyLeadRequest
    recycle_lead: _leads_pb2.RecycleLeadRequest
    convert_lead: _leads_pb2.ConvertLeadRequest
    reverse_conversion: _leads_pb2.ReverseConversionRequest
    merge_leads: _leads_pb2.MergeLeadsRequest
    unmerge_leads: _leads_pb2.UnmergeLeadsRequest
    forget_lead: _leads_pb2.ForgetLeadRequest
    register_customer: _customers_pb2.RegisterCustomerRequest
    correct_customer: _customers_pb2.CorrectCustomerRequest
    add_contact_point: _customers_pb2.AddContactPointRequest
    verify_contact_point: _customers_pb2.VerifyContactPointRequest
    remove_contact_point: _customers_pb2.RemoveContactPointRequest
    state_preference: _customers_pb2.StatePreferenceRequest
    grant_consent: _customers_pb2.GrantConsentRequest
    withdraw_consent: _customers_pb2.WithdrawConsentRequest
    append_overlay: _customers_pb2.AppendOverlayRequest
    withdraw_overlay: _customers_pb2.WithdrawOverlayRequest
    change_owner: _customers_pb2.ChangeOwnerRequest
    change_priority: _customers_pb2.ChangePriorityRequest
    log_interaction: _customers_pb2.LogInteractionRequest
    answer_survey: _customers_pb2.AnswerSurveyRequest
    activate_customer: _customers_pb2.ActivateCustomerRequest
    mark_at_risk: _customers_pb2.MarkAtRiskRequest
    declare_churn: _customers_pb2.DeclareChurnRequest
    reactivate_customer: _customers_pb2.ReactivateCustomerRequest
    merge_customers: _customers_pb2.MergeCustomersRequest
    unmerge_customers: _customers_pb2.UnmergeCustomersRequest
    forget_customer: _customers_pb2.ForgetCustomerRequest
    open_ticket: _tickets_pb2.OpenTicketRequest
    triage_ticket: _tickets_pb2.TriageTicketRequest
    assign_ticket: _tickets_pb2.AssignTicketRequest
    reply_to_ticket: _tickets_pb2.ReplyToTicketRequest
    receive_reply: _tickets_pb2.ReceiveReplyRequest
    add_note: _tickets_pb2.AddNoteRequest
    pend_ticket: _tickets_pb2.PendTicketRequest
    hold_ticket: _tickets_pb2.HoldTicketRequest
    resume_ticket: _tickets_pb2.ResumeTicketRequest
    escalate_ticket: _tickets_pb2.EscalateTicketRequest
    solve_ticket: _tickets_pb2.SolveTicketRequest
    reopen_ticket: _tickets_pb2.ReopenTicketRequest
    close_ticket: _tickets_pb2.CloseTicketRequest
    merge_tickets: _tickets_pb2.MergeTicketsRequest
    unmerge_tickets: _tickets_pb2.UnmergeTicketsRequest
    rate_ticket: _tickets_pb2.RateTicketRequest
    publish_calendar: _policies_pb2.PublishCalendarRequest
    publish_sla: _policies_pb2.PublishSlaRequest
    publish_priority: _policies_pb2.PublishPriorityRequest
    publish_retention: _policies_pb2.PublishRetentionRequest
    def __init__(self, capture_lead: _Optional[_Union[_leads_pb2.CaptureLeadRequest, _Mapping]] = ..., correct_lead: _Optional[_Union[_leads_pb2.CorrectLeadRequest, _Mapping]] = ..., assign_lead: _Optional[_Union[_leads_pb2.AssignLeadRequest, _Mapping]] = ..., contact_lead: _Optional[_Union[_leads_pb2.ContactLeadRequest, _Mapping]] = ..., score_lead: _Optional[_Union[_leads_pb2.ScoreLeadRequest, _Mapping]] = ..., qualify_lead: _Optional[_Union[_leads_pb2.QualifyLeadRequest, _Mapping]] = ..., nurture_lead: _Optional[_Union[_leads_pb2.NurtureLeadRequest, _Mapping]] = ..., disqualify_lead: _Optional[_Union[_leads_pb2.DisqualifyLeadRequest, _Mapping]] = ..., recycle_lead: _Optional[_Union[_leads_pb2.RecycleLeadRequest, _Mapping]] = ..., convert_lead: _Optional[_Union[_leads_pb2.ConvertLeadRequest, _Mapping]] = ..., reverse_conversion: _Optional[_Union[_leads_pb2.ReverseConversionRequest, _Mapping]] = ..., merge_leads: _Optional[_Union[_leads_pb2.MergeLeadsRequest, _Mapping]] = ..., unmerge_leads: _Optional[_Union[_leads_pb2.UnmergeLeadsRequest, _Mapping]] = ..., forget_lead: _Optional[_Union[_leads_pb2.ForgetLeadRequest, _Mapping]] = ..., register_customer: _Optional[_Union[_customers_pb2.RegisterCustomerRequest, _Mapping]] = ..., correct_customer: _Optional[_Union[_customers_pb2.CorrectCustomerRequest, _Mapping]] = ..., add_contact_point: _Optional[_Union[_customers_pb2.AddContactPointRequest, _Mapping]] = ..., verify_contact_point: _Optional[_Union[_customers_pb2.VerifyContactPointRequest, _Mapping]] = ..., remove_contact_point: _Optional[_Union[_customers_pb2.RemoveContactPointRequest, _Mapping]] = ..., state_preference: _Optional[_Union[_customers_pb2.StatePreferenceRequest, _Mapping]] = ..., grant_consent: _Optional[_Union[_customers_pb2.GrantConsentRequest, _Mapping]] = ..., withdraw_consent: _Optional[_Union[_customers_pb2.WithdrawConsentRequest, _Mapping]] = ..., append_overlay: _Optional[_Union[_customers_pb2.AppendOverlayRequest, _Mapping]] = ..., withdraw_overlay: _Optional[_Union[_customers_pb2.WithdrawOverlayRequest, _Mapping]] = ..., change_owner: _Optional[_Union[_customers_pb2.ChangeOwnerRequest, _Mapping]] = ..., change_priority: _Optional[_Union[_customers_pb2.ChangePriorityRequest, _Mapping]] = ..., log_interaction: _Optional[_Union[_customers_pb2.LogInteractionRequest, _Mapping]] = ..., answer_survey: _Optional[_Union[_customers_pb2.AnswerSurveyRequest, _Mapping]] = ..., activate_customer: _Optional[_Union[_customers_pb2.ActivateCustomerRequest, _Mapping]] = ..., mark_at_risk: _Optional[_Union[_customers_pb2.MarkAtRiskRequest, _Mapping]] = ..., declare_churn: _Optional[_Union[_customers_pb2.DeclareChurnRequest, _Mapping]] = ..., reactivate_customer: _Optional[_Union[_customers_pb2.ReactivateCustomerRequest, _Mapping]] = ..., merge_customers: _Optional[_Union[_customers_pb2.MergeCustomersRequest, _Mapping]] = ..., unmerge_customers: _Optional[_Union[_customers_pb2.UnmergeCustomersRequest, _Mapping]] = ..., forget_customer: _Optional[_Union[_customers_pb2.ForgetCustomerRequest, _Mapping]] = ..., open_ticket: _Optional[_Union[_tickets_pb2.OpenTicketRequest, _Mapping]] = ..., triage_ticket: _Optional[_Union[_tickets_pb2.TriageTicketRequest, _Mapping]] = ..., assign_ticket: _Optional[_Union[_tickets_pb2.AssignTicketRequest, _Mapping]] = ..., reply_to_ticket: _Optional[_Union[_tickets_pb2.ReplyToTicketRequest, _Mapping]] = ..., receive_reply: _Optional[_Union[_tickets_pb2.ReceiveReplyRequest, _Mapping]] = ..., add_note: _Optional[_Union[_tickets_pb2.AddNoteRequest, _Mapping]] = ..., pend_ticket: _Optional[_Union[_tickets_pb2.PendTicketRequest, _Mapping]] = ..., hold_ticket: _Optional[_Union[_tickets_pb2.HoldTicketRequest, _Mapping]] = ..., resume_ticket: _Optional[_Union[_tickets_pb2.ResumeTicketRequest, _Mapping]] = ..., escalate_ticket: _Optional[_Union[_tickets_pb2.EscalateTicketRequest, _Mapping]] = ..., solve_ticket: _Optional[_Union[_tickets_pb2.SolveTicketRequest, _Mapping]] = ..., reopen_ticket: _Optional[_Union[_tickets_pb2.ReopenTicketRequest, _Mapping]] = ..., close_ticket: _Optional[_Union[_tickets_pb2.CloseTicketRequest, _Mapping]] = ..., merge_tickets: _Optional[_Union[_tickets_pb2.MergeTicketsRequest, _Mapping]] = ..., unmerge_tickets: _Optional[_Union[_tickets_pb2.UnmergeTicketsRequest, _Mapping]] = ..., rate_ticket: _Optional[_Union[_tickets_pb2.RateTicketRequest, _Mapping]] = ..., publish_calendar: _Optional[_Union[_policies_pb2.PublishCalendarRequest, _Mapping]] = ..., publish_sla: _Optional[_Union[_policies_pb2.PublishSlaRequest, _Mapping]] = ..., publish_priority: _Optional[_Union[_policies_pb2.PublishPriorityRequest, _Mapping]] = ..., publish_retention: _Optional[_Union[_policies_pb2.PublishRetentionRequest, _Mapping]] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("outcome", "refusal")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    outcome: _outcome_pb2.Outcome
    refusal: Refusal
    def __init__(self, outcome: _Optional[_Union[_outcome_pb2.Outcome, _Mapping]] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("code", "sentence", "field")
    CODE_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    code: str
    sentence: str
    field: str
    def __init__(self, code: _Optional[str] = ..., sentence: _Optional[str] = ..., field: _Optional[str] = ...) -> None: ...
