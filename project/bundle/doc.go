// Package bundle packages the code of an application: it installs dependencies into a build folder (never into the
// application's own), builds Go functions, makes generation folders that `dev` runs from, and archives whose bytes depend on
// nothing but their content.
//
// The build folder (Builder.Out, by default DIR/.sundog/build) holds
//
//	node_modules/   what package.json asks for, without development dependencies; a generation finds it in its parent folder
//	python/         what requirements.txt asks for, to be given as an extra path
//	go/<function>/  the bootstrap of each Go function
//	<number>/       a generation: the sources as they were at one moment
//	*.key           hashes of what node_modules and python were installed from
package bundle
