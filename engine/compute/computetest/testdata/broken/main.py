print("before it breaks")
import missing_module
