package sns

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	api "sundog/api/sns"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
	"sundog/internal/pattern"
)

// The account's settings for text messages. The platform has no carrier: messages are kept (keep.go), with the defaults that hold for them. As
// nothing is sent, nobody can have opted out, nothing is spent, and there is no sandbox to leave.

// The attributes that AWS has and this platform cannot apply.
var refusedSMS = []string{"DeliveryStatusIAMRole", "DeliveryStatusSuccessSamplingRate", "UsageReportS3Bucket"}

var senderID = pattern.New(`^[A-Za-z0-9]{1,11}$`)

func checkSMSAttribute(n, v string) error {
	var ok bool
	switch n {
	case "DefaultSMSType":
		ok = v == "Promotional" || v == "Transactional"
	case "DefaultSenderID":
		ok = v == "" || senderID.MatchString(v)
	case "MonthlySpendLimit":
		limit, err := strconv.Atoi(v)
		ok = err == nil && limit >= 0
	default:
		if slices.Contains(refusedSMS, n) {
			return cloud.NotImplementedf("The SMS attribute %s is not served by this platform.", n)
		}
		return errPlain("%s is not a valid attribute", n)
	}
	if !ok {
		return errPlain("%s is invalid", n)
	}
	return nil
}

func smsKey(sc cloud.Scope) store.Key { return listKey(sc, "sms") }

func readSMS(rd store.Reader, sc cloud.Scope) (map[string]string, error) {
	attrs := map[string]string{}
	b, err := rd.Get(smsKey(sc))
	if err != nil || b == nil {
		return attrs, err
	}
	return attrs, json.Unmarshal(b, &attrs)
}

func (r *snsRoom) smsAttributes(ctx context.Context, sc cloud.Scope) (attrs map[string]string, err error) {
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		attrs, err = readSMS(rd, sc)
		return err
	})
	return attrs, err
}

func (r *snsRoom) smsOperations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op(service, api.CheckIfPhoneNumberIsOptedOutOp, r.checkIfPhoneNumberIsOptedOut, onAll[api.CheckIfPhoneNumberIsOptedOutInput]("CheckIfPhoneNumberIsOptedOut")),
		cloud.Op(service, api.GetSMSAttributesOp, r.getSMSAttributes, onAll[api.GetSMSAttributesInput]("GetSMSAttributes")),
		cloud.Op(service, api.GetSMSSandboxAccountStatusOp, r.getSMSSandboxAccountStatus, onAll[api.GetSMSSandboxAccountStatusInput]("GetSMSSandboxAccountStatus")),
		cloud.Op(service, api.ListOriginationNumbersOp, r.listOriginationNumbers, onAll[api.ListOriginationNumbersInput]("ListOriginationNumbers")),
		cloud.Op(service, api.ListPhoneNumbersOptedOutOp, r.listPhoneNumbersOptedOut, onAll[api.ListPhoneNumbersOptedOutInput]("ListPhoneNumbersOptedOut")),
		cloud.Op(service, api.ListSMSSandboxPhoneNumbersOp, r.listSMSSandboxPhoneNumbers, onAll[api.ListSMSSandboxPhoneNumbersInput]("ListSMSSandboxPhoneNumbers")),
		cloud.Op(service, api.OptInPhoneNumberOp, r.optInPhoneNumber, onAll[api.OptInPhoneNumberInput]("OptInPhoneNumber")),
		cloud.Op(service, api.SetSMSAttributesOp, r.setSMSAttributes, onAll[api.SetSMSAttributesInput]("SetSMSAttributes")),
	}
}

func (r *snsRoom) setSMSAttributes(ctx context.Context, in *api.SetSMSAttributesInput) (*api.SetSMSAttributesOutput, error) {
	for _, n := range slices.Sorted(maps.Keys(in.Attributes)) {
		if err := checkSMSAttribute(n, in.Attributes[n]); err != nil {
			return nil, err
		}
	}
	sc := cloud.CallFrom(ctx).Scope
	return &api.SetSMSAttributesOutput{}, r.d.Store.Update(ctx, func(tx store.Tx) error {
		attrs, err := readSMS(tx, sc)
		if err != nil {
			return err
		}
		maps.Copy(attrs, in.Attributes)
		b, err := json.Marshal(attrs)
		if err != nil {
			return err
		}
		return tx.Put(smsKey(sc), b)
	})
}

func (r *snsRoom) getSMSAttributes(ctx context.Context, in *api.GetSMSAttributesInput) (*api.GetSMSAttributesOutput, error) {
	attrs, err := r.smsAttributes(ctx, cloud.CallFrom(ctx).Scope)
	if err != nil {
		return nil, err
	}
	if len(in.Attributes) > 0 {
		maps.DeleteFunc(attrs, func(n, _ string) bool { return !slices.Contains(in.Attributes, n) })
	}
	return &api.GetSMSAttributesOutput{Attributes: attrs}, nil
}

func checkNumber(number *string) error {
	if !fullNumber.MatchString(text(number)) {
		return errInvalid("PhoneNumber Reason: input incorrectly formatted")
	}
	return nil
}

func (r *snsRoom) checkIfPhoneNumberIsOptedOut(_ context.Context, in *api.CheckIfPhoneNumberIsOptedOutInput) (*api.CheckIfPhoneNumberIsOptedOutOutput, error) {
	return &api.CheckIfPhoneNumberIsOptedOutOutput{IsOptedOut: new(false)}, checkNumber(in.PhoneNumber)
}

func (r *snsRoom) optInPhoneNumber(_ context.Context, in *api.OptInPhoneNumberInput) (*api.OptInPhoneNumberOutput, error) {
	return &api.OptInPhoneNumberOutput{}, checkNumber(in.PhoneNumber)
}

func (r *snsRoom) listPhoneNumbersOptedOut(context.Context, *api.ListPhoneNumbersOptedOutInput) (*api.ListPhoneNumbersOptedOutOutput, error) {
	return &api.ListPhoneNumbersOptedOutOutput{PhoneNumbers: []string{}}, nil
}

func (r *snsRoom) listOriginationNumbers(context.Context, *api.ListOriginationNumbersInput) (*api.ListOriginationNumbersOutput, error) {
	return &api.ListOriginationNumbersOutput{PhoneNumbers: []api.PhoneNumberInformation{}}, nil
}

func (r *snsRoom) getSMSSandboxAccountStatus(context.Context, *api.GetSMSSandboxAccountStatusInput) (*api.GetSMSSandboxAccountStatusOutput, error) {
	return &api.GetSMSSandboxAccountStatusOutput{IsInSandbox: new(false)}, nil
}

func (r *snsRoom) listSMSSandboxPhoneNumbers(context.Context, *api.ListSMSSandboxPhoneNumbersInput) (*api.ListSMSSandboxPhoneNumbersOutput, error) {
	return &api.ListSMSSandboxPhoneNumbersOutput{PhoneNumbers: []api.SMSSandboxPhoneNumber{}}, nil
}

// textOptions gives the options of a text message: those that it brings, then the account's defaults.
func textOptions(attrs map[string]bus.Attribute, defaults map[string]string) map[string]bus.Attribute {
	out := map[string]bus.Attribute{}
	for option, n := range map[string]string{"AWS.SNS.SMS.SMSType": "DefaultSMSType", "AWS.SNS.SMS.SenderID": "DefaultSenderID"} {
		if v := defaults[n]; v != "" {
			out[option] = bus.Attribute{Type: "String", Value: v}
		}
	}
	for n, v := range attrs {
		if smsOption.MatchString(n) {
			out[n] = v
		}
	}
	return out
}

var smsOption = pattern.New(`^AWS\.(SNS|MM)\.SMS\.`)
