package lambda

import (
	"context"
	"strings"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/internal/pattern"
)

// signing is a code signing configuration. There is no AWS Signer here, so no package carries a signature that could be trusted: under the policy
// Enforce none is deployed, under Warn each is, and counted.
type signing struct {
	Config api.CodeSigningConfig
	Tags   map[string]string
}

// The values of UntrustedArtifactOnDeployment.
const (
	signingWarn    = "Warn"
	signingEnforce = "Enforce"
)

var signingARN = pattern.New(`^arn:[a-zA-Z0-9-]+:lambda:[a-z0-9-]+:\d{12}:code-signing-config:(csc-[a-z0-9]{17})$`)

func signingKey(sc cloud.Scope, arn string) []byte {
	return key(sc, "signing").Str(arn[strings.LastIndexByte(arn, ':')+1:])
}

func errNoSigning(arn string) error {
	return errNotFound("The Lambda code signing configuration %s can not be found.", arn)
}

// errUnknownSigning is what operations on functions say of a configuration that is not there.
func errUnknownSigning(arn string) error {
	return cloud.Errorf(cloud.NotFound, "CodeSigningConfigNotFoundException", "The code signing configuration cannot be found. Check that the provided configuration is not deleted: %s.", arn).With("Type", "User")
}

func readSigning(rd store.Reader, sc cloud.Scope, arn string, none func(string) error) (*signing, error) {
	var s signing
	if !signingARN.MatchString(arn) {
		return nil, none(arn)
	}
	ok, err := load(rd, signingKey(sc, arn), &s)
	if err != nil || !ok || str(s.Config.CodeSigningConfigArn) != arn {
		return nil, orElse(err, none(arn))
	}
	return &s, nil
}

// orElse is err, or what is said when there was none.
func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

func (s *signing) enforced() bool {
	return str(s.Config.CodeSigningPolicies.UntrustedArtifactOnDeployment) == signingEnforce
}

// checkSigned decides on code that is about to be deployed to a function with a code signing configuration; "" is none.
func (r *lambdaRoom) checkSigned(ctx context.Context, f ref, arn string) error {
	if arn == "" {
		return nil
	}
	var s *signing
	err := r.d.Store.View(ctx, func(rd store.Reader) (err error) {
		s, err = readSigning(rd, f.Scope, arn, errUnknownSigning)
		return err
	})
	if err != nil {
		return err
	}
	r.count(newPlan(f), "SignatureValidationErrors", "Count", 1, r.d.Clock.Now())
	if s.enforced() {
		return cloud.Errorf(cloud.Invalid, "CodeVerificationFailedException", "Lambda cannot deploy the function. The function or layer might be signed using a signature that the client is not configured to accept. Check the provided signature for %s.", f.name).With("Type", "User")
	}
	return nil
}

func (r *lambdaRoom) createSigning(ctx context.Context, in *api.CreateCodeSigningConfigInput) (*api.CreateCodeSigningConfigOutput, error) {
	sc, id := cloud.CallFrom(ctx).Scope, "csc-"+strings.ToLower(r.d.IDs.Alnum(17))
	s := signing{Tags: in.Tags, Config: api.CodeSigningConfig{
		CodeSigningConfigId: &id, CodeSigningConfigArn: new(cloud.NewARN(service, sc, "code-signing-config:"+id).String()), Description: in.Description,
		AllowedPublishers: in.AllowedPublishers, CodeSigningPolicies: in.CodeSigningPolicies, LastModified: new(r.stamp()),
	}}
	if s.Config.CodeSigningPolicies == nil {
		s.Config.CodeSigningPolicies = &api.CodeSigningPolicies{UntrustedArtifactOnDeployment: new(signingWarn)}
	}
	if len(s.Tags) > maxTags {
		return nil, errManyTags()
	}
	if err := checkTags(s.Tags); err != nil {
		return nil, err
	}
	err := r.d.Store.Update(ctx, func(tx store.Tx) error { return save(tx, signingKey(sc, *s.Config.CodeSigningConfigArn), &s) })
	return &api.CreateCodeSigningConfigOutput{CodeSigningConfig: &s.Config}, err
}

func (r *lambdaRoom) signing(ctx context.Context, arn *string) (s *signing, err error) {
	sc := cloud.CallFrom(ctx).Scope
	err = r.d.Store.View(ctx, func(rd store.Reader) (err error) { s, err = readSigning(rd, sc, str(arn), errNoSigning); return err })
	return s, err
}

func (r *lambdaRoom) getSigning(ctx context.Context, in *api.GetCodeSigningConfigInput) (*api.GetCodeSigningConfigOutput, error) {
	s, err := r.signing(ctx, in.CodeSigningConfigArn)
	if err != nil {
		return nil, err
	}
	return &api.GetCodeSigningConfigOutput{CodeSigningConfig: &s.Config}, nil
}

func (r *lambdaRoom) updateSigning(ctx context.Context, in *api.UpdateCodeSigningConfigInput) (*api.UpdateCodeSigningConfigOutput, error) {
	sc := cloud.CallFrom(ctx).Scope
	var s *signing
	err := r.d.Store.Update(ctx, func(tx store.Tx) (err error) {
		if s, err = readSigning(tx, sc, str(in.CodeSigningConfigArn), errNoSigning); err != nil {
			return err
		}
		set(&s.Config.Description, in.Description)
		set(&s.Config.AllowedPublishers, in.AllowedPublishers)
		set(&s.Config.CodeSigningPolicies, in.CodeSigningPolicies)
		s.Config.LastModified = new(r.stamp())
		return save(tx, signingKey(sc, *s.Config.CodeSigningConfigArn), s)
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateCodeSigningConfigOutput{CodeSigningConfig: &s.Config}, nil
}

func (r *lambdaRoom) deleteSigning(ctx context.Context, in *api.DeleteCodeSigningConfigInput) (*api.DeleteCodeSigningConfigOutput, error) {
	sc, arn := cloud.CallFrom(ctx).Scope, str(in.CodeSigningConfigArn)
	return &api.DeleteCodeSigningConfigOutput{}, r.d.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := readSigning(tx, sc, arn, errNoSigning); err != nil {
			return err
		}
		used, err := signed(tx, sc, arn)
		if err != nil {
			return err
		}
		if len(used) > 0 {
			return errConflict("The code signing configuration %s is used by %d functions. Remove it from them before you delete it.", arn, len(used))
		}
		return tx.Delete(signingKey(sc, arn))
	})
}

func (r *lambdaRoom) listSigning(ctx context.Context, in *api.ListCodeSigningConfigsInput) (*api.ListCodeSigningConfigsOutput, error) {
	all := []api.CodeSigningConfig{}
	err := r.d.Store.View(ctx, func(rd store.Reader) error {
		return each(rd, key(cloud.CallFrom(ctx).Scope, "signing"), func(s signing) (bool, error) { all = append(all, s.Config); return true, nil })
	})
	if err != nil {
		return nil, err
	}
	page, next, err := paginate(all, in.Marker, in.MaxItems, 10_000)
	return &api.ListCodeSigningConfigsOutput{CodeSigningConfigs: page, NextMarker: next}, err
}

// signed gives the ARNs of the functions that have a code signing configuration.
func signed(rd store.Reader, sc cloud.Scope, arn string) ([]string, error) {
	all := []string{}
	err := each(rd, key(sc, "function"), func(fn function) (bool, error) {
		if fn.Signing == arn {
			all = append(all, ref{Scope: sc, name: fn.Name}.arn().String())
		}
		return true, nil
	})
	return all, err
}

func (r *lambdaRoom) listSigned(ctx context.Context, in *api.ListFunctionsByCodeSigningConfigInput) (*api.ListFunctionsByCodeSigningConfigOutput, error) {
	sc, arn := cloud.CallFrom(ctx).Scope, str(in.CodeSigningConfigArn)
	var all []string
	err := r.d.Store.View(ctx, func(rd store.Reader) (err error) {
		if _, err := readSigning(rd, sc, arn, errNoSigning); err != nil {
			return err
		}
		all, err = signed(rd, sc, arn)
		return err
	})
	if err != nil {
		return nil, err
	}
	page, next, err := paginate(all, in.Marker, in.MaxItems, 10_000)
	return &api.ListFunctionsByCodeSigningConfigOutput{FunctionArns: page, NextMarker: next}, err
}

func (r *lambdaRoom) putFunctionSigning(ctx context.Context, in *api.PutFunctionCodeSigningConfigInput) (*api.PutFunctionCodeSigningConfigOutput, error) {
	p, err := r.existing(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	err = r.change(ctx, p.ref, func(tx store.Tx, fn *function) error {
		if _, err := readSigning(tx, p.ref.Scope, str(in.CodeSigningConfigArn), errUnknownSigning); err != nil {
			return err
		}
		fn.Signing = str(in.CodeSigningConfigArn)
		return nil
	})
	return &api.PutFunctionCodeSigningConfigOutput{CodeSigningConfigArn: in.CodeSigningConfigArn, FunctionName: &p.ref.name}, err
}

func (r *lambdaRoom) getFunctionSigning(ctx context.Context, in *api.GetFunctionCodeSigningConfigInput) (*api.GetFunctionCodeSigningConfigOutput, error) {
	p, err := r.existing(ctx, in.FunctionName)
	if err != nil || p.fn.Signing == "" {
		return &api.GetFunctionCodeSigningConfigOutput{}, err
	}
	return &api.GetFunctionCodeSigningConfigOutput{CodeSigningConfigArn: &p.fn.Signing, FunctionName: &p.ref.name}, nil
}

func (r *lambdaRoom) deleteFunctionSigning(ctx context.Context, in *api.DeleteFunctionCodeSigningConfigInput) (*api.DeleteFunctionCodeSigningConfigOutput, error) {
	p, err := r.existing(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	return &api.DeleteFunctionCodeSigningConfigOutput{}, r.change(ctx, p.ref, func(_ store.Tx, fn *function) error { fn.Signing = ""; return nil })
}
