package serverless

// Options are what the command line and the surroundings add to serverless.yml.
type Options struct {
	File       string            // the configuration's file name in the folder; "": serverless.yml, .yaml or .json
	Stage      string            // --stage; "": provider.stage, or dev
	Region     string            // --region; "": provider.region, or us-east-1
	AccountID  string            // ${aws:accountId}; "": 000000000000
	InstanceID string            // ${sls:instanceId}; "": random
	Params     map[string]string // --param name=value
	Options    map[string]string // further options, for ${opt:}
	Resolver   Resolver          // ${ssm:}, ${s3:}, ${cf:}; nil: these are errors
	Env        func(name string) (value string, found bool)
	NoFiles    bool   // do not look for the handlers' files: the template alone is wanted
	Node       string // the node binary that runs ${file(x.js)}; "": node on the PATH
}

// Artifact is a package of code that is to be deployed.
type Artifact struct {
	S3Key  string // where it is, or will be, in the deployment bucket
	SHA256 string // of the archive, in base64, as AWS::Lambda::Version's CodeSha256 wants it
}
