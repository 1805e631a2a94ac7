package outside

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"sundog/cloud"
)

// served by the platform: names that end so lead to the AWS endpoint.
var amazon = []string{"amazonaws.com", "amazonaws.com.cn", "api.aws", "on.aws"}

// others are names of clouds that the platform does not serve. They lead here all the same, and are refused: nothing ends at a real cloud by mistake.
var others = []string{
	"googleapis.com", "cloudfunctions.net", "run.app", "azure.com", "azure.net", "azurewebsites.net", "azure-api.net", "windows.net", "microsoftonline.com",
}

// domains lists all of them.
func domains() []string { return append(slices.Clone(amazon), others...) }

func below(name string, domains []string) bool {
	return slices.ContainsFunc(domains, func(d string) bool { return name == d || strings.HasSuffix(name, "."+d) })
}

// Cloud tells whether a name, in lower case and without a dot at the end, is one of a cloud's: inside, it is the platform's.
func Cloud(name string) bool { return below(name, amazon) || below(name, others) }

// served refuses requests to clouds that the platform does not serve, by name.
func served(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := strings.ToLower(r.Host)
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if below(strings.TrimSuffix(host, "."), others) {
			e := cloud.NotImplementedf("This platform does not serve %s.", host)
			http.Error(w, e.Code+": "+e.Message, http.StatusNotImplemented)
			return
		}
		next.ServeHTTP(w, r)
	})
}
