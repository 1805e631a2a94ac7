package serverless

// DeploymentBucket gives the bucket that the file names for its packages; "" when the stack makes one of its own.
func (a *App) DeploymentBucket() string {
	b := a.config.Get("provider", "deploymentBucket")
	if name := b.Get("name").Str(); name != "" {
		return name
	}
	return b.Str()
}
