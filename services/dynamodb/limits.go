package dynamodb

import (
	"context"
	"strings"

	api "sundog/api/dynamodb"
	"sundog/cloud"
	"sundog/engine/store"
)

// describeLimits serves DescribeLimits: the quotas that an account has by default. Nothing here is throttled by them.
func (s *service) describeLimits(context.Context, *api.DescribeLimitsInput) (*api.DescribeLimitsOutput, error) {
	account, perTable := int64(80000), int64(40000)
	return &api.DescribeLimitsOutput{AccountMaxReadCapacityUnits: &account, AccountMaxWriteCapacityUnits: &account,
		TableMaxReadCapacityUnits: &perTable, TableMaxWriteCapacityUnits: &perTable}, nil
}

// describeEndpoints serves DescribeEndpoints: the host that the client already uses.
func (s *service) describeEndpoints(ctx context.Context, _ *api.DescribeEndpointsInput) (*api.DescribeEndpointsOutput, error) {
	_, host, ok := strings.Cut(cloud.CallFrom(ctx).Endpoint, "://")
	if !ok {
		host = "dynamodb." + cloud.CallFrom(ctx).Scope.Region + ".amazonaws.com"
	}
	minutes := int64(1440)
	return &api.DescribeEndpointsOutput{Endpoints: []api.Endpoint{{Address: &host, CachePeriodInMinutes: &minutes}}}, nil
}

// describeContinuousBackups serves DescribeContinuousBackups: point-in-time recovery is off.
func (s *service) describeContinuousBackups(ctx context.Context, in *api.DescribeContinuousBackupsInput) (*api.DescribeContinuousBackupsOutput, error) {
	d, err := s.backups(ctx, in.TableName)
	return &api.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: d}, err
}

// updateContinuousBackups serves UpdateContinuousBackups as far as it switches point-in-time recovery off.
func (s *service) updateContinuousBackups(ctx context.Context, in *api.UpdateContinuousBackupsInput) (*api.UpdateContinuousBackupsOutput, error) {
	spec := in.PointInTimeRecoverySpecification
	if spec == nil {
		return nil, errNull("pointInTimeRecoverySpecification")
	}
	if is(spec.PointInTimeRecoveryEnabled) {
		return nil, cloud.NotImplementedf("dynamodb:UpdateContinuousBackups: point-in-time recovery is not served (PointInTimeRecoveryEnabled)")
	}
	d, err := s.backups(ctx, in.TableName)
	return &api.UpdateContinuousBackupsOutput{ContinuousBackupsDescription: d}, err
}

func (s *service) backups(ctx context.Context, table *string) (*api.ContinuousBackupsDescription, error) {
	at, err := refOf(ctx, table)
	if err != nil {
		return nil, err
	}
	err = s.view(ctx, func(r store.Reader) error {
		_, err := s.find(r, at)
		return err
	})
	if isMissing(err) {
		return nil, cloud.Errorf(cloud.NotFound, "TableNotFoundException", "Table not found: %s", at.Name)
	}
	if err != nil {
		return nil, err
	}
	disabled := "DISABLED"
	return &api.ContinuousBackupsDescription{ContinuousBackupsStatus: &disabled,
		PointInTimeRecoveryDescription: &api.PointInTimeRecoveryDescription{PointInTimeRecoveryStatus: &disabled}}, nil
}
