"""One of each RRC and NAS message."""

from __future__ import annotations

from radio_bench import CAPABILITIES, offers, reconfiguration, registration

from net4ai.codecs import nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import VersionRange
from net4ai.codecs.declaration import Message

ONE = VersionRange(lowest=1, highest=1)

MESSAGES: dict[type[Message], Message] = {
    type(message): message
    for message in (
        rrc.SetupRequest(ue_identity=1, cause=3, bulk_port=1),
        rrc.Setup(transaction=0, ue_identity=1, c_rnti=9, bulk_port=1),
        rrc.SetupComplete(transaction=0, nas=b"x"),
        rrc.Reject(ue_identity=1, wait_time=10, cause=Cause.NO_RESOURCES),
        reconfiguration(),
        rrc.ReconfigurationComplete(transaction=0, sessions=()),
        rrc.ReconfigurationFailure(transaction=0, cause=1),
        rrc.DownlinkInformationTransfer(nas=b"\xff"),
        rrc.UplinkInformationTransfer(nas=b"x"),
        rrc.Release(transaction=0, cause=Cause.NORMAL),
        rrc.SecurityModeCommand(transaction=0, integrity=0, ciphering=0),
        rrc.SecurityModeComplete(transaction=0),
        rrc.SecurityModeFailure(transaction=0, cause=1),
        rrc.ReestablishmentRequest(ue_identity=1, cell=3, c_rnti=9, short_mac=0, cause=2, bulk_port=1),
        rrc.Reestablishment(transaction=0, next_hop_chaining_count=0),
        rrc.ReestablishmentComplete(transaction=0),
        rrc.MeasurementReport(measurement=1, cells=()),
        rrc.ChannelQualityReport(cqi=7, rate=29_531),
        rrc.Paging(records=(rrc.PagingRecord(temporary_identity=99),)),
        rrc.SystemInformationRequest(),
        rrc.SystemInformation(cell=3, period=1000, barred=False),
        registration(),
        nas.DeregistrationRequest(switch_off=False),
        nas.DeregistrationAccept(),
        nas.NetworkDeregistrationRequest(register_again=False, cause=1),
        nas.NetworkDeregistrationAccept(),
        nas.RegistrationComplete(temporary_identity=1),
        nas.ServiceRequest(type=0, temporary_identity=1),
        nas.ServiceReject(cause=1),
        nas.ServiceAccept(),
        nas.AuthenticationRequest(key_set=0, rand=bytes(16), autn=bytes(16)),
        nas.AuthenticationResponse(response=bytes(16)),
        nas.AuthenticationReject(),
        nas.AuthenticationFailure(cause=1, auts=b""),
        nas.SecurityModeCommand(integrity=0, ciphering=0, key_set=0, capabilities=CAPABILITIES),
        nas.SecurityModeComplete(),
        nas.SecurityModeReject(cause=1),
        nas.Status(cause=1, message_type=1),
        nas.Protected(security_header=1, mac=0, count=0, message=b"x"),
        nas.RegistrationAccept(version=1, temporary_identity=1),
        nas.RegistrationReject(cause=Cause.NOT_ALLOWED, versions=ONE),
        offers(1),
        nas.Consent(
            job=1,
            given=True,
            status=nas.UeStatus(compute=1, memory=1, battery=1),
            privacy=nas.PrivacyRequirement(raw_data=False, k=0),
        ),
        nas.ComputingRequest(transaction=1, job=1),
        nas.ComputingAccept(transaction=1, session=0),
        nas.PduSessionAccept(transaction=1, session=0, address=2, function=1, port=46400, token=bytes(16)),
        nas.ComputingReject(transaction=1, cause=1),
        nas.RoutineInvite(
            execution=1,
            session=0,
            function="data-source",
            routine="r",
            round=0,
            cut=1,
            seat=0,
            sequential=True,
            settings=b"{}",
            key=b"",
        ),
        nas.RoutineAccept(execution=1, key=b""),
        nas.RoutineReject(execution=1, cause=1),
        nas.RoutineStart(execution=1, turn=0, repetition=0),
        nas.RoutineDone(execution=1, turn=0, cause=1),
        nas.RoutineComplete(execution=1, cause=1),
    )
}
