package sns

import (
	"context"
	"slices"
	"strings"

	api "sundog/api/sns"
	"sundog/cloud"
	"sundog/internal/pattern"
)

// Mobile push: an application holds the keys of a vendor's push service, an endpoint a device's token there. This platform reaches no vendor, so
// none is made: what makes one is refused, and what asks for one finds none.

var (
	platforms       = []string{"ADM", "APNS", "APNS_SANDBOX", "APNS_VOIP", "APNS_VOIP_SANDBOX", "MACOS", "MACOS_SANDBOX", "BAIDU", "FCM", "GCM", "MPNS", "WNS"}
	applicationName = pattern.New(`^[A-Za-z0-9_.-]+$`)
)

// mobileARN checks the ARN of an application ("app/PLATFORM/NAME") or an endpoint ("endpoint/PLATFORM/NAME/ID").
func mobileARN(ctx context.Context, s *string, parameter, kind string) (cloud.ARN, error) {
	a, err := parseARN(ctx, s, parameter)
	if err != nil {
		return a, err
	}
	parts := strings.Split(a.Resource, "/")
	if len(parts) != map[string]int{"app": 3, "endpoint": 4}[kind] {
		return a, errInvalid("%s Reason: Wrong number of slashes in relative portion of the ARN.", parameter)
	}
	if parts[0] != kind {
		return a, errInvalid("%s", parameter)
	}
	return a, nil
}

func errNoApplication() *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "NotFound", "PlatformApplication does not exist").WithStatus(404)
}

func errNoEndpoint() *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "NotFound", "Endpoint does not exist").WithStatus(404)
}

// onMobile names the permission on an application or endpoint.
func onMobile[I any](action, parameter, kind string, arn func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		a, err := mobileARN(ctx, arn(in), parameter, kind)
		return []cloud.Access{{Action: permission + action, Resource: a}}, err
	}
}

func onApplication[I any](action string, arn func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return onMobile(action, "PlatformApplicationArn", "app", arn)
}

func onEndpoint[I any](action string, arn func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return onMobile(action, "EndpointArn", "endpoint", arn)
}

func (r *snsRoom) mobileOperations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op(service, api.CreatePlatformApplicationOp, r.createPlatformApplication, onAll[api.CreatePlatformApplicationInput]("CreatePlatformApplication")).Checking(),
		cloud.Op(service, api.CreatePlatformEndpointOp, r.createPlatformEndpoint, onApplication("CreatePlatformEndpoint", func(in *api.CreatePlatformEndpointInput) *string { return in.PlatformApplicationArn })),
		cloud.Op(service, api.DeleteEndpointOp, r.deleteEndpoint, onEndpoint("DeleteEndpoint", func(in *api.DeleteEndpointInput) *string { return in.EndpointArn })),
		cloud.Op(service, api.DeletePlatformApplicationOp, r.deletePlatformApplication, onApplication("DeletePlatformApplication", func(in *api.DeletePlatformApplicationInput) *string { return in.PlatformApplicationArn })),
		cloud.Op(service, api.GetEndpointAttributesOp, r.getEndpointAttributes, onEndpoint("GetEndpointAttributes", func(in *api.GetEndpointAttributesInput) *string { return in.EndpointArn })),
		cloud.Op(service, api.GetPlatformApplicationAttributesOp, r.getPlatformApplicationAttributes, onApplication("GetPlatformApplicationAttributes", func(in *api.GetPlatformApplicationAttributesInput) *string { return in.PlatformApplicationArn })),
		cloud.Op(service, api.ListEndpointsByPlatformApplicationOp, r.listEndpointsByPlatformApplication, onApplication("ListEndpointsByPlatformApplication", func(in *api.ListEndpointsByPlatformApplicationInput) *string { return in.PlatformApplicationArn })),
		cloud.Op(service, api.ListPlatformApplicationsOp, r.listPlatformApplications, onAll[api.ListPlatformApplicationsInput]("ListPlatformApplications")),
		cloud.Op(service, api.SetEndpointAttributesOp, r.setEndpointAttributes, onEndpoint("SetEndpointAttributes", func(in *api.SetEndpointAttributesInput) *string { return in.EndpointArn })).Checking(),
		cloud.Op(service, api.SetPlatformApplicationAttributesOp, r.setPlatformApplicationAttributes, onApplication("SetPlatformApplicationAttributes", func(in *api.SetPlatformApplicationAttributesInput) *string { return in.PlatformApplicationArn })).Checking(),
	}
}

// createPlatformApplication says what is wrong with an application, and refuses one with which nothing is.
func (r *snsRoom) createPlatformApplication(_ context.Context, in *api.CreatePlatformApplicationInput) (*api.CreatePlatformApplicationOutput, error) {
	name, platform := text(in.Name), text(in.Platform)
	switch {
	case name == "":
		return nil, errInvalid("%s Reason: cannot be empty", name)
	case len(name) > 256:
		return nil, errInvalid("%s Reason: must be at most 256 characters long", name)
	case !applicationName.MatchString(name):
		return nil, errInvalid("%s Reason: must contain only characters 'a'-'z', 'A'-'Z', '0'-'9', '_', '-', and '.'", name)
	case !slices.Contains(platforms, platform):
		return nil, errInvalid("Platform Reason: %s is not supported", platform)
	case len(in.Attributes) == 0:
		return nil, errAbsent("attributes")
	}
	return nil, cloud.NotImplementedf("Platform applications of %s are not served by this platform: it reaches no push service.", platform)
}

func (r *snsRoom) createPlatformEndpoint(context.Context, *api.CreatePlatformEndpointInput) (*api.CreatePlatformEndpointOutput, error) {
	return nil, errNoApplication()
}

// deleteEndpoint succeeds: deleting is idempotent (API reference, DeleteEndpoint).
func (r *snsRoom) deleteEndpoint(context.Context, *api.DeleteEndpointInput) (*api.DeleteEndpointOutput, error) {
	return &api.DeleteEndpointOutput{}, nil
}

func (r *snsRoom) deletePlatformApplication(context.Context, *api.DeletePlatformApplicationInput) (*api.DeletePlatformApplicationOutput, error) {
	return &api.DeletePlatformApplicationOutput{}, nil
}

func (r *snsRoom) getEndpointAttributes(context.Context, *api.GetEndpointAttributesInput) (*api.GetEndpointAttributesOutput, error) {
	return nil, errNoEndpoint()
}

func (r *snsRoom) getPlatformApplicationAttributes(context.Context, *api.GetPlatformApplicationAttributesInput) (*api.GetPlatformApplicationAttributesOutput, error) {
	return nil, errNoApplication()
}

func (r *snsRoom) listEndpointsByPlatformApplication(context.Context, *api.ListEndpointsByPlatformApplicationInput) (*api.ListEndpointsByPlatformApplicationOutput, error) {
	return nil, errNoApplication()
}

func (r *snsRoom) listPlatformApplications(context.Context, *api.ListPlatformApplicationsInput) (*api.ListPlatformApplicationsOutput, error) {
	return &api.ListPlatformApplicationsOutput{PlatformApplications: []api.PlatformApplication{}}, nil
}

func (r *snsRoom) setEndpointAttributes(_ context.Context, in *api.SetEndpointAttributesInput) (*api.SetEndpointAttributesOutput, error) {
	if len(in.Attributes) == 0 {
		return nil, errAbsent("attributes")
	}
	return nil, errNoEndpoint()
}

func (r *snsRoom) setPlatformApplicationAttributes(_ context.Context, in *api.SetPlatformApplicationAttributesInput) (*api.SetPlatformApplicationAttributesOutput, error) {
	if len(in.Attributes) == 0 {
		return nil, errAbsent("attributes")
	}
	return nil, errNoApplication()
}
