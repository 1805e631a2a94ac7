process.env.ORIGINAL = `preloaded ${process.env.AWS_LAMBDA_FUNCTION_NAME}`;
